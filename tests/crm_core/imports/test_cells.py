from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import InvalidInput
from crm_core.imports.cells import prepared, quotient
from crm_core.imports.mapping import ColumnValue


@pytest.mark.parametrize(
    ("spec", "kind", "cell", "expected"),
    [
        ({}, "text", " x ", " x "),
        ({}, "decimal", " 1.50 ", "1.50"),
        ({"decimal_separator": ","}, "decimal", "1.234,50", "1234.50"),
        ({}, "integer", " 7", 7),
        ({}, "boolean", "Yes", True),
        ({}, "boolean", "0", False),
        ({}, "boolean", True, True),
        ({}, "json", '{"a": [1]}', {"a": [1]}),
        ({}, "json", {"a": 1}, {"a": 1}),
        ({"format": "%Y%m%d"}, "date", "19970101", "1997-01-01"),
        ({"format": "%d.%m.%Y %H:%M"}, "datetime", "31.12.2025 23:59", "2025-12-31T23:59:00+00:00"),
        ({"values": {"A": "active"}}, "text", "A", "active"),
        ({"values": {"J": True}}, "boolean", "J", True),
    ],
)
def test_a_cell_becomes_what_the_field_takes(spec: dict[str, Any], kind: str, cell: Any, expected: Any) -> None:
    assert prepared(ColumnValue("c", **spec), kind)(cell) == expected


@pytest.mark.parametrize(
    ("spec", "kind", "cell", "reason"),
    [
        ({}, "integer", "1.5", "'1.5' is not a whole number"),
        ({}, "boolean", "maybe", "'maybe' is neither true nor false"),
        ({}, "json", "{", "'{' is not JSON"),
        ({"format": "%Y%m%d"}, "date", "1997-01-01", "'1997-01-01' is not written as %Y%m%d"),
        ({"values": {"A": "active"}}, "text", "B", "'B' is none of the values the mapping translates"),
    ],
)
def test_a_cell_that_does_not_fit_says_why(spec: dict[str, Any], kind: str, cell: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        prepared(ColumnValue("c", **spec), kind)(cell)


@given(st.integers(1, 99), st.decimals(0, 100_000, places=2))
def test_a_price_with_six_places_gives_the_amount_back(units: int, amount: Decimal) -> None:
    price = Decimal(quotient(ColumnValue("a", divide_by="u", places=6), str(amount), str(units)))
    assert (price * units).quantize(Decimal("0.0001")) == amount


@pytest.mark.parametrize("divisor", ["0", "x"])
def test_what_cannot_be_divided_says_which_columns(divisor: str) -> None:
    with pytest.raises(InvalidInput, match=f"a / u = 1 / {divisor}: cannot be divided"):
        quotient(ColumnValue("a", divide_by="u"), "1", divisor)
