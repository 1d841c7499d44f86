from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.adversarial.places import IN_PROCESS
from tests.adversarial.run import try_cases

if TYPE_CHECKING:
    from tests.adversarial.places import Place
    from tests.adversarial.world import World


# Both databases with CRM_FULL=1 and in `python -m tests.adversarial`.
_PLACES = IN_PROCESS if os.environ.get("CRM_FULL") == "1" else IN_PROCESS[:1]


@pytest.mark.parametrize("place", _PLACES, indirect=True, ids=str)
def test_only_what_is_listed_does_harm(world: World, place: Place, subtests: pytest.Subtests) -> None:
    try_cases(world, place, subtests)
