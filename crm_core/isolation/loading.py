"""What a plugin may use while it is loaded or migrated: there is no operation yet whose context it could have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crm_core.isolation.pool import START_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class _Budget:
    wall_ms: float = START_SECONDS * 1000
    payload_bytes: int = 8 * 1024 * 1024


class _Meter:
    """Ends what takes too long; nothing else is counted."""

    ending: BaseException | None = None

    def __init__(self) -> None:
        self.budget = _Budget()

    def exceed_wall(self, _: float) -> None:
        """Nothing to note: the worker's failure says it."""

    def exceed_payload(self, _: int) -> None:
        """Nothing to note, as above."""

    def is_over_cpu(self, _: float) -> bool:
        """Tell that it is not: importing takes what it takes."""
        return False

    def exceed_cpu(self, _: float) -> None:
        """Nothing to note, as above."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Stands where a call has its context."""

    meter: _Meter = field(default_factory=_Meter)

    def in_thread(self, function: Callable[[], Any]) -> Any:
        """Run it here: nobody else waits."""
        return function()
