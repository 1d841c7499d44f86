from __future__ import annotations

import math
import uuid
from decimal import Decimal

import pytest

from crm_core.schema.json_text import dump_json, load_json


def test_json_is_compact_and_decimals_are_strings() -> None:
    value = {"net": Decimal("12.5000"), "tags": ["a", 1, True, None], "id": uuid.UUID(int=7)}
    text = dump_json(value)
    assert text == '{"net":"12.5000","tags":["a",1,true,null],"id":"00000000-0000-0000-0000-000000000007"}'
    assert load_json(text) == {
        "net": "12.5000",
        "tags": ["a", 1, True, None],
        "id": "00000000-0000-0000-0000-000000000007",
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 2.0**53, -1.5e17])
def test_floats_one_database_would_change_are_refused_wherever_they_are(value: float) -> None:
    for nested in (value, [value], {"a": [{"b": value}]}, (1, value)):
        with pytest.raises(ValueError, match="JSON cannot hold the float"):
            dump_json(nested)


@pytest.mark.parametrize("value", ["\0", "a\0b", "\\\0"])
def test_nul_characters_are_refused_in_values_and_keys(value: str) -> None:
    for nested in (value, [value], {"a": value}, {value: 1}):
        with pytest.raises(ValueError, match="PostgreSQL has no NUL character"):
            dump_json(nested)


@pytest.mark.parametrize("value", ["null", "\\u0000", "1e5", "1234567890123456", None, 0.1, 1e-7, 9007199254740991.0])
def test_what_only_looks_suspicious_is_kept(value: object) -> None:
    assert load_json(dump_json(value)) == value


@pytest.mark.parametrize("inmost", ["x", 0.5, "\\u0000"])
def test_a_hundred_lists_and_objects_in_each_other_are_kept_and_more_are_refused(inmost: object) -> None:
    for wrap in (lambda value: [value], lambda value: {"a": value}, lambda value: {"first": 0.5, "then": value}):
        value = inmost
        for _ in range(100):
            value = wrap(value)
        assert load_json(dump_json(value)) == value
        with pytest.raises(ValueError, match="100 lists and objects in each other at most"):
            dump_json(wrap(value))
