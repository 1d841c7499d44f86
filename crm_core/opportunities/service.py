"""What opportunities do beyond storing their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.records.stages import StagedRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.records.stages import Move

_CLOSED = frozenset({"won", "lost", "cancelled"})


class OpportunityRules(StagedRules):
    """An opportunity is as likely as its stage says, and closed in a stage that is not open."""

    def entered(self, move: Move) -> Mapping[str, Any]:
        """Take the stage's probability unless one is given; note or clear the time of closing."""
        given = move.given.get("probability")
        probability = move.place.probability if given is None else given
        return {"probability": probability, "closed_at": move.end("closed_at", _CLOSED)}
