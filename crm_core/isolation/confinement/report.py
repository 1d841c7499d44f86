"""Which walls stand around a worker, which are missing, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WALLS = ("uid", "capabilities", "rlimits", "no_new_privs", "landlock", "seccomp")
"""All walls, in the order they are built."""


class ConfinementError(Exception):
    """A wall that must stand does not; no line of the plugin has run."""


class WallMissing(Exception):
    """A wall cannot stand on this machine; the text says what is in its way."""


@dataclass(frozen=True, slots=True)
class Report:
    """The walls that stand, and for each that does not a sentence saying why."""

    standing: frozenset[str]
    missing: Mapping[str, str]

    def require(self, walls: frozenset[str], plugin: str) -> None:
        """Refuse to go on without these walls."""
        lacking = sorted(walls - self.standing)
        if not lacking:
            return
        reasons = "; ".join(f"{wall}: {self.missing.get(wall, 'there is no wall of this name')}" for wall in lacking)
        message = (
            f"plugin {plugin} may not run here: walls that must stand around it are missing ({reasons}); "
            "put right what is in their way, or take these walls out of CRM_ISOLATION_REQUIRE"
        )
        raise ConfinementError(message)
