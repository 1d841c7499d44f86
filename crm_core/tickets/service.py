"""What tickets do beyond storing their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.records.stages import StagedRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.records.stages import Move

_RESOLVED = frozenset({"won"})


class TicketRules(StagedRules):
    """A ticket is resolved in a stage of category won."""

    def entered(self, move: Move) -> Mapping[str, Any]:
        """Note or clear the time of the solution, unless one is given."""
        return {"resolved_at": move.given.get("resolved_at") or move.end("resolved_at", _RESOLVED)}
