from __future__ import annotations

from tests.adversarial.residue import RESIDUE
from tests.adversarial.run import CASES

_ATTACKS = [case for case in CASES if not case.control]


def test_the_corpus_is_large_enough() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert len(_ATTACKS) >= 120
    assert len(CASES) - len(_ATTACKS) >= 10
    assert len({case.family for case in _ATTACKS}) >= 9
    assert set(names) >= RESIDUE.keys()
