from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from compat_tests.masking import Masker, dates_in, tokens

if TYPE_CHECKING:
    import random

ONE, TWO = "01a20be4-3201-781f-95f0-7f0dad37e27b", "01a20be4-5c2f-7896-8095-bf95a28394a4"

noise = st.one_of(
    st.uuids().map(str),
    st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    st.dates().map(lambda day: day.isoformat()),
    st.just("crm_84a4d5dd3045_b9534af5217e221454e1bbf46590830e1ce529dd"),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), noise, st.builds("at {} for".format, noise)
)
names = st.one_of(st.text(max_size=6), st.sampled_from(["id", "request_id", "next_cursor", "created_at"]))
documents = st.recursive(
    leaves, lambda some: st.lists(some, max_size=4) | st.dictionaries(names, some, max_size=4), max_leaves=20
)


def shuffled(value: Any, order: random.Random) -> Any:
    """Return an equal document whose objects have their members in another order."""
    if isinstance(value, dict):
        members = list(value.items())
        order.shuffle(members)
        return {key: shuffled(one, order) for key, one in members}
    return [shuffled(one, order) for one in value] if isinstance(value, list) else value


def test_every_kind_of_noise_has_its_mark() -> None:
    answer = {
        "id": ONE,
        "owner_id": TWO,
        "created_at": "2026-11-24T05:06:07.123456Z",
        "due_on": "2026-12-01",
        "detail": f"{ONE} was converted on 2026-11-24 05:06 UTC",
        "api_key": "crm_84a4d5dd3045_b9534af5217e221454e1bbf46590830e1ce529dd",
        "request_id": "0192-abc",
        "next_cursor": "eyJpZCI6",
        "total": "12.5000",
    }

    assert Masker().mask(answer) == {
        "api_key": "<key>",
        "created_at": "<time>",
        "detail": "<id:1> was converted on <time>",
        "due_on": "<date>",
        "id": "<id:1>",
        "next_cursor": "<cursor>",
        "owner_id": "<id:2>",
        "request_id": "<request>",
        "total": "12.5000",
    }


def test_no_next_page_is_no_noise() -> None:
    assert Masker().mask({"next_cursor": None}) == {"next_cursor": None}


def test_an_id_keeps_its_mark_across_answers() -> None:
    masker = Masker()

    first = masker.mask({"id": ONE})
    second = masker.mask({"data": [{"id": TWO, "parent_id": ONE}]})

    assert first == {"id": "<id:1>"}
    assert second == {"data": [{"id": "<id:2>", "parent_id": "<id:1>"}]}


def test_a_saved_value_is_written_by_its_name() -> None:
    masker = Masker()
    masker.save("account", ONE)
    masker.save("count", "7")

    assert masker.mask({"id": ONE, "location": f"/api/v1/accounts/{ONE}", "n": "7"}) == {
        "id": "${account}",
        "location": "/api/v1/accounts/${account}",
        "n": "7",
    }


def test_dates_that_the_scenario_names_stay() -> None:
    masker = Masker(exact=dates_in({"json": {"ordered_on": "2040-03-31", "at": ["2040-01-01T10:00:00Z"]}}))

    assert masker.mask({"a": "2040-03-31", "b": "2041-03-31", "c": "2040-01-01T10:00:00Z"}) == {
        "a": "2040-03-31",
        "b": "<date>",
        "c": "2040-01-01T10:00:00Z",
    }


def test_kept_dates_are_not_those_of_today() -> None:
    today = datetime.now(UTC).date().isoformat()

    assert Masker(keep_dates=True).mask(["2042-03-31", today]) == ["2042-03-31", "<date>"]


@given(documents)
def test_masking_twice_changes_nothing(document: Any) -> None:
    once = Masker().mask(document)

    assert Masker().mask(once) == once


@given(documents, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(document: Any, order: random.Random) -> None:
    masked = json.dumps(Masker().mask(document))

    assert json.dumps(Masker().mask(shuffled(document, order))) == masked


@given(st.lists(st.uuids().map(str), min_size=1, max_size=8))
def test_equal_ids_have_equal_marks_and_others_have_others(ids: list[str]) -> None:
    marks = Masker().mask(ids)

    assert [marks[ids.index(one)] for one in ids] == marks
    assert len(set(marks)) == len(set(ids))


@given(st.text())
def test_cutting_a_text_loses_nothing(text: str) -> None:
    assert "".join(token.value for token in tokens(text)) == text
