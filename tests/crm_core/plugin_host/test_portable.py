from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.plugin_host.portable import of_columns
from crm_core.schema.types import utc_text

if TYPE_CHECKING:
    import uuid
    from decimal import Decimal

_SQLITE = {
    "i": "CHAR(32)",
    "n": "NUMERIC(19, 4)",
    "b": "BOOLEAN",
    "t": "DATETIME",
    "d": "DATE",
    "j": "JSON",
    "x": "BLOB",
}
_POSTGRES = {
    "i": "UUID",
    "n": "NUMERIC(19, 4)",
    "b": "BOOLEAN",
    "t": "TIMESTAMP WITH TIME ZONE",
    "d": "DATE",
    "j": "JSONB",
    "x": "BYTEA",
}


def columns(*, sqlite: bool, **fields: str) -> Any:
    return of_columns(_SQLITE if sqlite else _POSTGRES, fields, sqlite=sqlite)


@pytest.mark.parametrize(
    ("column", "sqlite", "postgres", "portable"),
    [
        (
            "i",
            "0190163d8694739baea5966c26f8ad91",
            "0190163d-8694-739b-aea5-966c26f8ad91",
            "0190163d8694739baea5966c26f8ad91",
        ),
        ("n", 12.5, "12.5000", "12.5"),
        ("n", 100, "100.0000", "100"),
        ("b", 1, "true", True),
        ("b", 0, "false", False),
        ("t", "2026-01-02 03:04:05.000006", "2026-01-02 05:04:05.000006+02", "2026-01-02T03:04:05.000006Z"),
        ("d", "2026-01-02", "2026-01-02", "2026-01-02"),
        ("j", '{"b":1,"a":[null]}', '{"a": [null], "b": 1}', '{"a":[null],"b":1}'),
        ("j", "null", "null", "null"),
        ("x", b"\xde\xad", "\\xdead", "dead"),
        ("x", None, None, None),
    ],
)
def test_both_databases_write_the_same(column: str, sqlite: object, postgres: object, portable: object) -> None:
    assert columns(sqlite=True)[column].write(sqlite) == portable
    assert columns(sqlite=False)[column].write(postgres) == portable


def test_fields_of_the_host_are_read_as_it_keeps_them() -> None:
    made = columns(sqlite=True, n="money", t="datetime", b="boolean")
    assert made["n"].write(123456) == "12.3456"
    assert made["n"].read("12.3456") == 123456
    assert made["t"].read("2026-01-02T03:04:05.000006Z") == "2026-01-02T03:04:05.000006Z"
    assert columns(sqlite=False, n="money")["n"].read("12.3456") == "12.3456"


def test_a_decimal_sqlite_would_round_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot keep 123456789012345678\.1234 exactly"):
        columns(sqlite=True)["n"].read("123456789012345678.1234")


@given(
    st.uuids(),
    st.decimals(min_value=-(10**9), max_value=10**9, places=4),
    st.booleans(),
    st.datetimes(min_value=dt.datetime(1900, 1, 1), max_value=dt.datetime(2200, 1, 1)),  # noqa: DTZ001
    st.dictionaries(st.text(), st.none() | st.integers() | st.text()),
    st.binary(),
)
def test_what_sqlite_wrote_it_reads_back(
    identifier: uuid.UUID,
    number: Decimal,
    flag: bool,  # noqa: FBT001 - drawn by hypothesis
    moment: dt.datetime,
    value: Any,
    blob: bytes,
) -> None:
    made = columns(sqlite=True)
    kept = {
        "i": identifier.hex,
        "n": float(number),
        "b": int(flag),
        "t": moment.isoformat(" ", "microseconds"),
        "j": json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True),
        "x": blob,
    }
    for name, raw in kept.items():
        written = json.loads(json.dumps(made[name].write(raw)))
        assert made[name].read(written) == raw
        assert columns(sqlite=False)[name].read(written) is not None
    assert made["t"].write(kept["t"]) == utc_text(moment.replace(tzinfo=dt.UTC))
