from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from compat_tests.variables import MissingVariable, pick, replace


def today() -> date:
    return datetime.now(UTC).date()


def test_a_text_that_is_one_variable_takes_its_type() -> None:
    assert replace({"version": "${version}", "path": "/a/${version}"}, {"version": 3}) == {"version": 3, "path": "/a/3"}


def test_days_are_counted_from_today() -> None:
    before = today()
    given = replace(["${today}", "${today+30d}", "${today-1d}"], {})
    days = [date.fromisoformat(one) for one in given]

    assert days[0] in {before, today()}
    assert [day - days[0] for day in days] == [timedelta(0), timedelta(30), timedelta(-1)]


def test_months_end_where_the_month_ends() -> None:
    for months in range(-30, 30):
        shifted = date.fromisoformat(replace(f"${{today{months:+d}m}}", {}))
        assert (shifted.year * 12 + shifted.month) - (today().year * 12 + today().month) == months
        assert shifted.day <= today().day


def test_what_was_not_saved_is_missing() -> None:
    with pytest.raises(MissingVariable, match=r"\$\{account\} has not been saved"):
        replace("/accounts/${account}", {})


def test_picking_follows_the_path() -> None:
    assert pick({"data": [{"id": 1}, {"id": 2}]}, "$.data[1].id") == 2


@pytest.mark.parametrize("path", ["$.data[2].id", "$.nothing", "$.data.id", "data", "$.data[x]"])
def test_a_path_that_leads_nowhere_is_told(path: str) -> None:
    with pytest.raises(MissingVariable):
        pick({"data": [{"id": 1}, {"id": 2}]}, path)
