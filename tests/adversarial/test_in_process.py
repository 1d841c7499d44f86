from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adversarial.places import IN_PROCESS
from tests.adversarial.run import try_cases

if TYPE_CHECKING:
    from tests.adversarial.places import Place
    from tests.adversarial.world import World


@pytest.mark.parametrize("place", IN_PROCESS, indirect=True, ids=str)
def test_only_what_is_listed_does_harm(world: World, place: Place, subtests: pytest.Subtests) -> None:
    try_cases(world, place, subtests)
