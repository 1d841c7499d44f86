"""JSON text as both databases keep it: what one of them would change or refuse is refused here."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec

__all__ = ["dump_json", "load_json"]

_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical").encode
_decode = msgspec.json.Decoder().decode
_PLAIN = (str, int, NoneType, Decimal, UUID, dt.date)
# Far more than data needs, and far less than what walks through it can take.
_DEEPEST = 100
# Beyond this, JSONB gives a float back as a whole number with other digits.
_FLOAT_LIMIT = 2.0**53


def dump_json(value: object) -> str:
    """Write a value as compact JSON text, decimals as strings."""
    text = _encode(value).decode()
    if "\\u0000" in text or _may_hide_float(value, _DEEPEST):
        _refuse_unportable(msgspec.to_builtins(value, builtin_types=(float,)), _DEEPEST)
    return text


def load_json(text: str) -> Any:
    """Read JSON text."""
    return _decode(text)


def _may_hide_float(value: Any, room: int) -> bool:
    """Tell whether a value holds a float, or something that JSON could make one of; quick, as nearly none does.

    Raise if lists and objects lie deeper in each other than there is ``room`` for.
    """
    if isinstance(value, _PLAIN):
        return False
    if not isinstance(value, dict | list | tuple):
        return True
    left = _one_less(room)
    items = value.values() if isinstance(value, dict) else value
    return any(not isinstance(item, _PLAIN) and _may_hide_float(item, left) for item in items)


def _one_less(room: int) -> int:
    if not room:
        message = f"JSON is kept with {_DEEPEST} lists and objects in each other at most: make it flatter"
        raise ValueError(message)
    return room - 1


def _refuse_unportable(value: object, room: int) -> None:
    """Raise for a number or string inside the value that PostgreSQL or JSON cannot hold as it is."""
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) >= _FLOAT_LIMIT:
            message = f"JSON cannot hold the float {value!r}: use a finite one below 2**53, a Decimal or text"
            raise ValueError(message)
    elif isinstance(value, str):
        if "\0" in value:
            message = f"JSON cannot hold {value!r}: PostgreSQL has no NUL character in text; remove it"
            raise ValueError(message)
    elif isinstance(value, dict):
        left = _one_less(room)
        for key, item in value.items():
            _refuse_unportable(key, left)
            _refuse_unportable(item, left)
    elif isinstance(value, list | tuple):
        left = _one_less(room)
        for item in value:
            _refuse_unportable(item, left)
