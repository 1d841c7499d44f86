from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.plugin_host.resolver import resolve
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crm_core.plugin_host.resolver import Resolution
    from plugin_sdk import Manifest

_IDS = ("ada", "bob", "cid", "dot", "eve")


def resolved(manifests: Iterable[Manifest]) -> Resolution:
    return resolve(manifests, core_version="0.1.0", sdk_version="0.1.0")


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        (
            {"core": ">=0.2"},
            (
                "a1@1.0.0 wants core >=0.2.0, this installation has core 0.1.0; "
                "install a release of a1 made for core 0.1.0"
            ),
        ),
        (
            {"sdk": "^1.0"},
            (
                "a1@1.0.0 wants sdk >=1.0.0,<2.0.0, this installation has sdk 0.1.0; "
                "install a release of a1 made for sdk 0.1.0"
            ),
        ),
    ],
)
def test_a_core_or_sdk_out_of_range_is_told(ranges: dict[str, str], told: str) -> None:
    assert resolved([manifest("a1", **ranges)]).refused == {"a1": told}


def test_a_prerelease_of_the_core_is_in_the_range_of_its_release() -> None:
    found = resolve([manifest("a1", core=">=0.1,<1")], core_version="0.2.0-rc.1", sdk_version="0.1.0")
    assert found.order == ("a1",)


def test_missing_and_wrong_versions_of_other_plugins_are_told() -> None:
    found = resolved(
        [manifest("a1", '[requires]\nb1 = "^2.0"\n'), manifest("b1"), manifest("c1", '[requires]\nd1 = "*"\n')]
    )
    assert found.order == ("b1",)
    assert found.refused == {
        "a1": "a1@1.0.0 needs b1 >=2.0.0,<3.0.0, installed is b1@1.0.0; install a b1 >=2.0.0,<3.0.0",
        "c1": "c1@1.0.0 needs d1 *, which is not installed; install it",
    }


def test_a_chain_of_refusals_says_where_it_began() -> None:
    found = resolved(
        [
            manifest("a1", '[requires]\nb1 = "*"\n'),
            manifest("b1", '[requires]\nc1 = "*"\n'),
            manifest("c1", core="^9.0"),
        ]
    )
    root = (
        "c1@1.0.0 wants core >=9.0.0,<10.0.0, this installation has core 0.1.0; "
        "install a release of c1 made for core 0.1.0"
    )
    assert found.order == ()
    assert found.refused["b1"] == f"b1@1.0.0 needs c1, which is refused: {root}"
    assert found.refused["a1"] == f"a1@1.0.0 needs b1, which is refused: {found.refused['b1']}"


def test_a_circle_names_its_members_and_those_behind_it_their_blocker() -> None:
    found = resolved(
        [
            manifest("a1", '[requires]\nb1 = "*"\n'),
            manifest("b1", '[requires]\na1 = "*"\n'),
            manifest("c1", '[requires]\nb1 = "*"\n'),
            manifest("x1", '[requires]\ny1 = "*"\n'),
            manifest("y1", '[requires]\nx1 = "*"\n'),
            manifest("z1"),
        ]
    )
    told = "plugins require each other in a circle ({}); remove one [requires] of their manifests"
    assert found.order == ("z1",)
    assert found.refused == {
        "a1": "a1@1.0.0: " + told.format("a1, b1"),
        "b1": "b1@1.0.0: " + told.format("a1, b1"),
        "c1": "c1@1.0.0 needs b1, which is refused: b1@1.0.0: " + told.format("a1, b1"),
        "x1": "x1@1.0.0: " + told.format("x1, y1"),
        "y1": "y1@1.0.0: " + told.format("x1, y1"),
    }


def test_contradicting_orders_refuse_their_circle_and_nobody_else() -> None:
    hook = "[hooks.record_validate]\n"
    found = resolved(
        [
            manifest("a1", hook + 'before = ["b1"]\n'),
            manifest("b1", hook + 'before = ["a1"]\n'),
            manifest("c1", hook + 'after = ["b1"]\n'),
            manifest("d1", '[requires]\nb1 = "*"\n'),
        ]
    )
    told = "before/after of a1, b1 contradict each other in record_validate; change one of their manifests"
    assert found.order == ("c1",)
    assert found.refused["a1"] == f"a1@1.0.0: {told}"
    assert found.refused["d1"] == f"d1@1.0.0 needs b1, which is refused: b1@1.0.0: {told}"


def test_the_order_of_a_refused_plugin_contradicts_nobody() -> None:
    hook = "[hooks.record_validate]\n"
    found = resolved(
        [manifest("a1", hook + 'before = ["b1"]\n', core="^9"), manifest("b1", hook + 'before = ["a1"]\n')]
    )
    assert found.order == ("b1",)


@st.composite
def environments(draw: st.DrawFn) -> list[Manifest]:
    ids = draw(st.lists(st.sampled_from(_IDS), unique=True, max_size=len(_IDS)))
    made = []
    for plugin in ids:
        needs = draw(st.sets(st.sampled_from([other for other in _IDS if other != plugin]), max_size=2))
        ranges = {other: draw(st.sampled_from(["*", "^2.0"])) for other in sorted(needs)}
        order = draw(st.sampled_from(["before", "after"]))
        others = draw(st.lists(st.sampled_from([other for other in _IDS if other != plugin]), unique=True, max_size=1))
        more = "[requires]\n" + "".join(f'{other} = "{text}"\n' for other, text in ranges.items())
        more += f"[hooks.record_validate]\n{order} = {others!r}\n".replace("'", '"')
        core = draw(st.sampled_from(["*", "*", "^9.0"]))
        made.append(manifest(plugin, more, core=core, version=draw(st.sampled_from(["1.0.0", "2.0.0"]))))
    return made


@given(environments(), st.randoms(use_true_random=False))
def test_the_result_does_not_depend_on_the_order_of_discovery(found: list[Manifest], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolved(shuffled) == resolved(found)


@given(environments())
def test_everybody_loads_after_those_needed_or_has_a_reason(found: list[Manifest]) -> None:
    result = resolved(found)
    assert sorted([*result.order, *result.refused]) == sorted(each.id for each in found)
    by_id = {each.id: each for each in found}
    for place, name in enumerate(result.order):
        assert by_id[name].requires.keys() <= set(result.order[:place])
    assert all(result.refused[name].startswith(f"{by_id[name].label}") for name in result.refused)


@given(environments(), st.sampled_from(["^9.0"]))
def test_a_plugin_that_does_not_fit_changes_nothing_for_the_rest(found: list[Manifest], core: str) -> None:
    stranger = manifest("zoe", '[hooks.record_validate]\nbefore = ["ada"]\nafter = ["bob"]\n', core=core)
    alone, together = resolved(found), resolved([*found, stranger])
    assert together.order == alone.order
    assert {name: reason for name, reason in together.refused.items() if name != "zoe"} == alone.refused
    assert "zoe" in together.refused
