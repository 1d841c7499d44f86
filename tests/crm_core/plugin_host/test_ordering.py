from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crm_core.plugin_host.ordering import contradictions, in_declared_order
from tests.support.manifests import manifest

HOOK = "record_validate"


def told(plugin: str, **orders: list[str]) -> object:
    lines = "".join(f"{name} = {others!r}\n" for name, others in orders.items()).replace("'", '"')
    return manifest(plugin, f"[hooks.{HOOK}]\n{lines}")


def test_wishes_come_first_and_ids_decide_the_rest() -> None:
    found = [told("a1", after=["c1"]), told("b1"), told("c1"), told("d1", before=["b1", "absent"])]
    assert in_declared_order(HOOK, found) == ("c1", "a1", "d1", "b1")  # type: ignore[arg-type]


def test_a_plugin_without_the_hook_takes_no_place() -> None:
    assert in_declared_order(HOOK, [manifest("a1"), told("b1", after=["a1"])]) == ("b1",)  # type: ignore[list-item]


def test_a_circle_is_named_and_those_behind_it_are_not() -> None:
    found = [told("a1", before=["b1"]), told("b1", before=["c1"]), told("c1", before=["a1"]), told("d1", after=["a1"])]
    circle = ("a1", "b1", "c1")
    assert contradictions(HOOK, found) == dict.fromkeys(circle, circle)  # type: ignore[arg-type]


@given(st.permutations(["a1", "b1", "c1", "d1"]), st.data())
def test_every_wish_of_a_possible_order_is_kept(order: list[str], data: st.DataObject) -> None:
    found = []
    for place, name in enumerate(order):
        later = data.draw(st.lists(st.sampled_from(order[place + 1 :]), unique=True)) if order[place + 1 :] else []
        found.append((name, later))
    made = [told(name, before=later) for name, later in sorted(found)]
    got = in_declared_order(HOOK, made)  # type: ignore[arg-type]
    assert contradictions(HOOK, made) == {}  # type: ignore[arg-type]
    assert all(got.index(name) < got.index(other) for name, later in found for other in later)
