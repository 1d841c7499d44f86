from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.adversarial.residue import RESIDUE
from tests.adversarial.run import CASES, is_well

if TYPE_CHECKING:
    import pytest

    from tests.adversarial.places import Place
    from tests.adversarial.world import World

_ATTACKS = [case for case in CASES if not case.control]
_EVERYTHING = bool(os.environ.get("CRM_FULL"))


def test_the_corpus_is_large_enough() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert len(_ATTACKS) >= 120
    assert len(CASES) - len(_ATTACKS) >= 10
    assert len({case.family for case in _ATTACKS}) >= 9
    assert set(names) >= RESIDUE.keys()


def test_attacks_do_no_harm_and_what_is_legal_works(world: World, place: Place, subtests: pytest.Subtests) -> None:
    for case in CASES:
        if _EVERYTHING or case.at(place):
            with subtests.test(case.name):
                outcome = case.run(world, place)
                assert is_well(case, outcome, place), outcome
