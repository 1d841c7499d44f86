from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_tests.masking import Masker
from compat_tests.matching import Matcher
from tests.compat_tests.test_masking import documents, shuffled

ONE, TWO = "01a20be4-3201-781f-95f0-7f0dad37e27b", "01a20be4-5c2f-7896-8095-bf95a28394a4"
objects = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), documents, min_size=1, max_size=4)


def breaks(expected: Any, found: Any) -> list[tuple[str, Any, Any]]:
    return [(one.field, one.expected, one.found) for one in Matcher().compare(expected, found).breaks]


@given(documents)
def test_an_answer_matches_its_own_recording(document: Any) -> None:
    result = Matcher().compare(Masker().mask(document), document)

    assert (result.breaks, result.additions) == ((), ())


@given(documents, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(document: Any, order: Any) -> None:
    assert breaks(Masker().mask(document), shuffled(document, order)) == []


@given(objects, st.data())
def test_a_missing_field_is_one_break(document: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    recorded = Masker().mask(document)
    less = {name: value for name, value in document.items() if name != key}

    assert breaks(recorded, less) == [(f"$.{key}", recorded[key], "(missing)")]


@given(objects)
def test_a_new_field_is_an_addition_and_no_break(document: dict[str, Any]) -> None:
    more = {**copy.deepcopy(document), "brand_new": {"id": ONE}}

    result = Matcher().compare(Masker().mask(document), more)

    assert (result.breaks, result.additions) == ((), ("$.brand_new",))


@pytest.mark.parametrize(
    ("expected", "found", "field"),
    [
        ({"total": "10.00"}, {"total": "10.01"}, "$.total"),
        ({"total": "10"}, {"total": 10}, "$.total"),
        ({"done": True}, {"done": 1}, "$.done"),
        ({"at": "<time>"}, {"at": None}, "$.at"),
        ({"at": "<time>"}, {"at": "soon"}, "$.at"),
        ({"id": "<id:1>"}, {"id": "1"}, "$.id"),
        ({"data": [1, 2]}, {"data": [1]}, "$.data (length)"),
        ({"data": [{"a": 1}]}, {"data": [{"a": 2}]}, "$.data[0].a"),
        ({"a": {"b": 1}}, {"a": [1]}, "$.a"),
    ],
)
def test_changed_values_are_breaks(expected: Any, found: Any, field: str) -> None:
    assert [one[0] for one in breaks(expected, found)] == [field]


def test_one_mark_stands_for_one_id() -> None:
    recorded = {"id": "<id:1>", "parent_id": "<id:1>"}

    assert breaks(recorded, {"id": ONE, "parent_id": ONE}) == []
    assert breaks(recorded, {"id": ONE, "parent_id": TWO}) == [("$.parent_id", "<id:1>", TWO)]


def test_two_marks_stand_for_two_ids() -> None:
    assert breaks({"a": "<id:1>", "b": "<id:2>"}, {"a": ONE, "b": ONE}) == [("$.b", "<id:2>", ONE)]


def test_marks_bind_across_answers() -> None:
    matcher = Matcher()

    assert matcher.compare({"id": "<id:1>"}, {"id": ONE}).breaks == ()
    assert matcher.compare({"data": ["<id:1>"]}, {"data": [TWO]}).breaks[0].field == "$.data[0]"


def test_no_mark_stands_for_a_saved_id() -> None:
    matcher = Matcher()
    matcher.save("account", ONE)

    assert matcher.compare({"owner_id": "<id:1>"}, {"owner_id": ONE}).breaks[0].field == "$.owner_id"


def test_a_new_id_beside_recorded_ones_moves_no_mark() -> None:
    recorded = {"id": "<id:1>", "owner_id": "<id:2>"}

    assert breaks(recorded, {"a_new_id": "01a20be4-5c2f-7896-8095-bf95a28394a5", "id": ONE, "owner_id": TWO}) == []


def test_a_break_is_told_in_one_line() -> None:
    (one,) = Matcher().compare({"name": "Ada"}, {"name": "Bob"}).breaks

    assert one.message == "$.name: expected 'Ada', found 'Bob'"
