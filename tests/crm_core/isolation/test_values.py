from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation.values import DecodeError, EncodeError, decode, encode
from plugin_sdk import (
    ConvertPatch,
    ConvertPlan,
    Environment,
    Event,
    Issue,
    Level,
    Match,
    Page,
    Patch,
    Record,
    Score,
    Stage,
)
from tests.support.travelling import RECORDS, VALUES, same

_STAGE = Stage(uuid4(), "won", "Won", "won", uuid4(), "sales")
_RECORD = Record("lead", uuid4(), 2, MappingProxyType({"name": "A", "amount": Decimal("1.50")}))
_MADE = [
    Patch({"name": "B"}, {"tier": "gold"}),
    Issue("late", "too late", "due", Level.WARNING),
    Match(uuid4(), 0.5, "same name", blocks=True),
    Score("fit", 80, ("large", "near")),
    _STAGE,
    ConvertPlan({"name": "A"}, {"last_name": "B"}, None),
    ConvertPatch({"name": "A"}, {}, {"amount": Decimal(3)}),
    Environment("1.0", "0.2", "sqlite", "3.11", {"loyalty": "1.0.0"}),
    Event(uuid4(), "lead.created", uuid4(), _RECORD, {"name": (None, "A")}, dt.datetime.now(dt.UTC), None, None, "r1"),
    Page((_RECORD,), "next"),
]


@given(VALUES)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(RECORDS)
def test_records_come_back_frozen(record: Record) -> None:
    back = decode(encode(record))
    assert back == record
    assert type(back.values) is MappingProxyType
    assert type(back.plugins) is MappingProxyType


@pytest.mark.parametrize("value", _MADE, ids=lambda value: type(value).__name__)
def test_each_class_of_the_sdk_comes_back(value: Any) -> None:
    back = decode(encode(value))
    assert type(back) is type(value)
    assert back == value


class _Text(str):
    __slots__ = ()


class _Count(int):
    pass


class _Id(UUID):
    pass


class _Pair(NamedTuple):
    one: int
    two: str


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (_Text("a"), "a"),
        (_Count(3), 3),
        (_Id(int=5), UUID(int=5)),
        (_Pair(1, "b"), (1, "b")),
        (OrderedDict(a=1), {"a": 1}),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        ({_Text("key"): _Count(1)}, {"key": 1}),
    ],
)
def test_subclasses_become_what_they_are_made_of(value: Any, back: Any) -> None:
    assert same(decode(encode(value)), back)


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


_ENDLESS: list[Any] = []
_ENDLESS.append(_ENDLESS)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), "a object cannot travel"),
        ([{"a": {1: object}}], "a type cannot travel"),
        (Decimal("NaN"), "NaN"),
        (Decimal("-Infinity"), "Infinity"),
        (Decimal("1E+9999"), "4096 digits"),
        ("\ud800", "not valid Unicode"),
        (1 << 5000, "5001 bits"),
        (_ENDLESS, "64 levels"),
        (_nested(100), "64 levels"),
        (Record("lead", "no id", 1, {}), "wrong types"),  # type: ignore[arg-type]
    ],
    ids=["object", "class", "nan", "infinity", "exponent", "surrogate", "integer", "cycle", "depth", "record"],
)
def test_what_cannot_travel_is_named(value: Any, told: str) -> None:
    with pytest.raises(EncodeError, match=told):
        encode(value)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_a_decode_error(data: bytes) -> None:
    try:
        decode(data)
    except DecodeError:
        return


@given(VALUES, st.data())
def test_damaged_bytes_raise_nothing_but_a_decode_error(value: Any, data: st.DataObject) -> None:
    whole = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(whole))
    except DecodeError:
        return


_COLLIDING = [UUID(int=1 + step * (2**61 - 1)) for step in range(1000)]
_BOMBS = {
    "deep arrays": b"\x92\x00\x91" * 100_000 + b"\xc0",
    "deep maps": b"\x92\x04\x81\xa1a" * 1000 + b"\xc0",
    "a long array": b"\x92\x00\xdd\xff\xff\xff\xff",
    "a long map": b"\x92\x04\xdf\xff\xff\xff\xff",
    "many empty lists": b"\x92\x00\xdd" + (300_000).to_bytes(4, "big") + b"\x92\x00\x90" * 300_000,
    "a long text": b"\xdb\xff\xff\xff\xff" + b"a",
    "an unknown kind": b"\x92\x63\xa1a",
    "an unknown class": b"\x93\x11\x63\x90",
    "a negative class": b"\x93\x11\xff\x91\xc0",
    "too few fields": b"\x93\x11\x01\x91\xc0",
    "an enum with another member": b"\x93\x10\x00\xa5other",
    "an unhashable member of a set": encode([1]).join([b"\x92\x02\x91", b""]),
    "a map with lists as keys": b"\x81\x91\x01\xc0",
    "a timestamp far away": b"\x92\x0b" + b"\xc7\x0c\xff" + b"\xff" * 12,
    "a duration without end": b"\x94\x0f" + b"\xcf" + b"\xff" * 8 + b"\x00\x00",
    "a decimal without end": b"\x92\x09\xaa1E99999999",
    "no number": b"\x92\x09\xa3NaN",
    "an extension": b"\xd4\x05\x00",
    "a pickle": b"\x80\x04\x95cos\nsystem\n",
    "keys that collide": encode(dict.fromkeys(_COLLIDING)),
    "members that collide": encode(set(_COLLIDING)),
}


@pytest.mark.parametrize("data", _BOMBS.values(), ids=_BOMBS)
def test_bytes_made_to_hurt_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)
