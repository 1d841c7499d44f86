"""Run one attack at one place, whatever kind it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from tests.adversarial.corpus import ATTACKS
from tests.adversarial.migrations import ALLOWED, MIGRATIONS
from tests.adversarial.places import PLACES
from tests.adversarial.residue import RESIDUE

if TYPE_CHECKING:
    import pytest

    from tests.adversarial.judge import Outcome
    from tests.adversarial.places import Place
    from tests.adversarial.world import World

# In the server's own process these leave it changed, or gone: each gets a server of its own.
_DISTURBING = frozenset({"patching", "resources"})
_TURNS = 4 * len(PLACES)


@dataclass(frozen=True, slots=True)
class Case:
    """One attack of a hook or of a migration; a control is something legal."""

    name: str
    family: str
    control: bool = False

    def disturbs(self, place: Place) -> bool:
        """Tell whether the server may be another one afterwards."""
        return place.tier == "in_process" and self.family in _DISTURBING

    def at(self, place: Place) -> bool:
        """Tell whether the short run tries it here: what is legal, and every sixteenth attack, others at each place."""
        if self.disturbs(place):
            return False
        return self.control or crc32(self.name.encode()) % _TURNS == PLACES.index(place)

    def run(self, world: World, place: Place) -> Outcome:
        """Attack, and compare the world with before."""
        if self.family == "migrations":
            return world.migrate(self.name, {**MIGRATIONS, **ALLOWED}[self.name])
        outcome = world.attack(ATTACKS[self.name])
        if self.disturbs(place):
            world.restart()
        return outcome


CASES = (
    *(Case(each.id, each.family, each.control) for each in ATTACKS.values()),
    *(Case(name, "migrations") for name in MIGRATIONS),
    *(Case(name, "migrations", control=True) for name in ALLOWED),
)


def is_well(case: Case, outcome: Outcome, place: Place) -> bool:
    """Tell whether it ended as it must: no harm but what is listed, and what is legal was done."""
    if case.control:
        done = 0 if case.family == "migrations" else 201
        return (outcome.status, outcome.harms) == (done, ())
    return not outcome.harms or (place.tier == "in_process" and case.name in RESIDUE)


def try_cases(world: World, place: Place, subtests: pytest.Subtests) -> None:
    """Run the attacks of the short run, all of them with CRM_FULL=1, each as a test of its own."""
    for case in CASES:
        if os.environ.get("CRM_FULL") == "1" or case.at(place):
            with subtests.test(case.name):
                outcome = case.run(world, place)
                assert is_well(case, outcome, place), outcome
