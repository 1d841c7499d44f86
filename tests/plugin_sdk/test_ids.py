from __future__ import annotations

import datetime as dt
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk import ids
from plugin_sdk.ids import id_time, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

_YEAR_9999 = 253_370_764_800 * 10**9


@pytest.fixture
def fresh_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(ids, "_last_tick", 0)
    yield monkeypatch
    monkeypatch.undo()


def test_ids_are_version_7_of_the_standard_variant() -> None:
    made = [new_id() for _ in range(2000)]
    assert {value.version for value in made} == {7}
    assert {value.variant for value in made} == {uuid.RFC_4122}


def test_ids_sort_in_the_order_they_were_made_in_both_databases_forms() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert [value.hex for value in made] == sorted(value.hex for value in made)
    assert len(set(made)) == len(made)


def test_ids_of_one_thread_stay_in_order_while_others_make_theirs() -> None:
    with ThreadPoolExecutor(4) as threads:
        batches = list(threads.map(lambda _: [new_id() for _ in range(3000)], range(4)))
    assert all(batch == sorted(batch) for batch in batches)
    assert len({value for batch in batches for value in batch}) == 12_000


def test_the_time_of_an_id_is_when_it_was_made() -> None:
    before = dt.datetime.now(dt.UTC)
    made = id_time(new_id())
    after = dt.datetime.now(dt.UTC)
    # Ids made much faster than the clock's tick may be a little ahead of it.
    assert before - dt.timedelta(milliseconds=1) <= made <= after + dt.timedelta(seconds=2)


def test_an_id_without_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="UUID of version 4, which carries no time"):
        id_time(uuid.UUID("9b2f3c1e-7a63-4f0e-9d53-0a1b2c3d4e5f"))


@given(clock=st.lists(st.integers(0, _YEAR_9999), min_size=2, max_size=20))
def test_whatever_the_clock_does_ids_only_go_forward(clock: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_last_tick", 0)
        readings = iter(clock)
        patch.setattr(ids, "time_ns", lambda: next(readings))
        made = [new_id() for _ in clock]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_the_first_id_carries_the_clocks_millisecond(fresh_clock: pytest.MonkeyPatch) -> None:
    fresh_clock.setattr(ids, "time_ns", lambda: 1_767_225_600_123_999_999)
    assert id_time(new_id()) == dt.datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=dt.UTC)
