from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.errors import FieldValueError
from plugin_sdk.manifest import FieldKind, FieldSpec, Manifest

PLUGIN = {"id": "a", "name": "A", "version": "1.0.0", "summary": "Does little", "sdk": "*", "core": "*"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=20,
)


def field(key: str, **changes: object) -> FieldSpec:
    document: dict[str, Any] = {"record_type": "account", "key": key, "kind": key, "label": {"en": "Label"}, **changes}
    return Manifest.from_json({"format": 1, "plugin": PLUGIN, "fields": [document]}).fields[0]


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        ("text", "", ""),
        ("text", "x" * 255, "x" * 255),
        ("integer", -(2**63), -(2**63)),
        ("decimal", "999999999999999.9999", Decimal("999999999999999.9999")),
        ("decimal", "-0", Decimal(0)),
        ("decimal", 7, Decimal(7)),
        ("money", Decimal("1.50"), Decimal("1.50")),
        ("boolean", False, False),
        ("date", "2028-02-29", date(2028, 2, 29)),
        ("date", date(2026, 1, 31), date(2026, 1, 31)),
        ("datetime", "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("datetime", "2026-01-31T12:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("datetime", datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=-1))), datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("json", {"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
    ],
)
def test_field_values_become_python_values(kind: str, given_value: object, value: object) -> None:
    found = field(kind).validate(given_value)
    assert found == value
    assert type(found) is type(value)
    assert getattr(found, "tzinfo", UTC) is UTC


NESTED: Any = []
for _ in range(40):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("text", 7, "not a text"),
        ("text", "x" * 256, "256 characters long; use at most 255"),
        ("text", "a\0", "NUL"),
        ("text", "\ud800", "surrogate"),
        ("integer", True, "not a whole number"),
        ("integer", 1.0, "not a whole number"),
        ("integer", 2**63, "outside 64 bits"),
        ("decimal", 1.5, "not exact"),
        ("decimal", "1.00001", "15 digits and 4 decimals"),
        ("decimal", "1e3", "15 digits and 4 decimals"),
        ("decimal", "1٣", "15 digits and 4 decimals"),
        ("decimal", "1\n", "15 digits and 4 decimals"),
        ("money", "1000000000000000", "15 digits and 4 decimals"),
        ("money", Decimal("1e999999"), "not a decimal number"),
        ("money", Decimal("NaN"), "not a decimal number"),
        ("money", True, "not a decimal number"),
        ("boolean", 1, "not true or false"),
        ("date", "2026-02-30", "no such day"),
        ("date", "20260131", "not a date"),
        ("date", datetime(2026, 1, 31, tzinfo=UTC), "not a date"),
        ("datetime", "2026-01-31T12:00:00", "offset from UTC"),
        ("datetime", datetime(2026, 1, 31), "offset from UTC"),  # noqa: DTZ001  # the refused case
        ("datetime", "0001-01-01T00:00:00+01:00", "no such point in time"),
        ("datetime", "2026-01-31T25:00:00Z", "no such point in time"),
        ("json", float("nan"), "not finite"),
        ("json", {"a": {1}}, "contains set, not JSON"),
        ("json", {1: "a"}, "cannot be stored"),
        ("json", ["\0"], "cannot be stored"),
        ("json", NESTED, "nested more than 32 levels"),
    ],
)
def test_a_field_refuses_what_it_cannot_keep(kind: str, value: object, reason: str) -> None:
    with pytest.raises(FieldValueError) as caught:
        field(kind).validate(value)
    assert str(caught.value).startswith(f"account.{kind} = ")
    assert reason in str(caught.value)


def test_choice_and_length_come_from_the_declaration() -> None:
    choice = field("choice", choices=["a", "b"])
    assert choice.validate("b") == "b"
    with pytest.raises(FieldValueError, match="not one of the choices; use one of: a, b"):
        choice.validate("c")
    with pytest.raises(FieldValueError, match="use at most 2 characters"):
        field("text", max_length=2).validate("abc")


def test_none_clears_a_field_of_any_kind() -> None:
    for kind in FieldKind:
        assert field(kind.value, **({"choices": ["a"]} if kind is FieldKind.CHOICE else {})).validate(None) is None


def test_personal_data_is_not_repeated_in_the_error() -> None:
    with pytest.raises(FieldValueError) as caught:
        field("date", pii=True).validate("born 1970")
    assert str(caught.value) == 'account.date: not a date; write year, month and day, e.g. "2026-01-31"'


@given(st.decimals(-(10**15) + 1, 10**15 - 1, places=4))
def test_every_decimal_of_the_column_is_accepted_exactly(number: Decimal) -> None:
    assert field("decimal").validate(format(number, "f")) == number
    assert field("money").validate(number) == number


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_every_point_in_time_becomes_utc(moment: datetime) -> None:
    found = field("datetime").validate(moment)
    assert found == moment.astimezone(UTC)
    assert isinstance(found, datetime)
    assert found.tzinfo is UTC


@given(st.sampled_from(list(FieldKind)), JSON | st.dates() | st.decimals() | st.binary())
def test_any_value_is_accepted_or_refused_with_a_reason(kind: FieldKind, value: object) -> None:
    spec = field(kind.value, **({"choices": ["a"]} if kind is FieldKind.CHOICE else {}))
    try:
        found = spec.validate(value)
    except FieldValueError as error:
        assert "; " in str(error)  # noqa: PT017  # both outcomes are allowed, each has its own law
    else:
        assert spec.validate(found) == found
