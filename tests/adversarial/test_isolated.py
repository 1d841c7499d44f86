from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adversarial.places import ISOLATED
from tests.adversarial.run import try_cases

if TYPE_CHECKING:
    from tests.adversarial.places import Place
    from tests.adversarial.world import World


@pytest.mark.parametrize("place", ISOLATED, indirect=True, ids=str)
def test_attacks_do_no_harm_and_what_is_legal_works(world: World, place: Place, subtests: pytest.Subtests) -> None:
    try_cases(world, place, subtests)
