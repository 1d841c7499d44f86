from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adversarial.corpus import ATTACKS

if TYPE_CHECKING:
    from tests.adversarial.world import World

# What code in the server's own process can do whatever the core does; see SECURITY.md. These are run, and counted.
RESIDUE = {
    "record_of_core_by_gc": "it reaches the unit of work through the garbage collector",
    "private_attribute": "it reaches the unit of work through private attributes",
    "driver_connection": "it reaches the driver's connection through private attributes",
    "read_other_module": "it reads another plugin's memory",
}
# Families whose attacks leave the server as it was; the others are run with `python -m tests.adversarial`.
_FAMILIES = {"ddl", "orm", "other_plugins", "protocol", "raw_sql", "tenants", "transactions"}
_QUICK = [each for each in ATTACKS.values() if each.family in _FAMILIES]
_CONTROLS = [each for each in ATTACKS.values() if each.control]


def test_the_corpus_is_large_enough() -> None:
    families = {each.family for each in ATTACKS.values() if not each.control}
    assert len([each for each in ATTACKS.values() if not each.control]) >= 120
    assert len(_CONTROLS) >= 10
    assert len(families) >= 9
    assert RESIDUE.keys() <= ATTACKS.keys()


@pytest.mark.parametrize("name", [each.id for each in _CONTROLS])
def test_a_plugin_can_do_what_is_legal(world: World, name: str) -> None:
    outcome = world.attack(ATTACKS[name])
    assert (outcome.status, outcome.harms) == (201, ()), outcome.answer


@pytest.mark.parametrize("name", [each.id for each in _QUICK])
def test_no_attack_does_harm(world: World, name: str) -> None:
    outcome = world.attack(ATTACKS[name])
    assert bool(outcome.harms) <= (name in RESIDUE), outcome
