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
# Beyond this, JSONB gives a float back as a whole number with other digits.
_FLOAT_LIMIT = 2.0**53


def dump_json(value: object) -> str:
    """Write a value as compact JSON text, decimals as strings."""
    text = _encode(value).decode()
    if "\\u0000" in text or _may_hide_float(value):
        _refuse_unportable(msgspec.to_builtins(value, builtin_types=(float,)))
    return text


def load_json(text: str) -> Any:
    """Read JSON text."""
    return _decode(text)


def _may_hide_float(value: Any) -> bool:
    """Tell whether a value holds a float, or something that JSON could make one of; quick, as nearly none does."""
    if isinstance(value, _PLAIN):
        return False
    if isinstance(value, dict):
        return any(not isinstance(item, _PLAIN) and _may_hide_float(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(not isinstance(item, _PLAIN) and _may_hide_float(item) for item in value)
    return True


def _refuse_unportable(value: object) -> None:
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
        for key, item in value.items():
            _refuse_unportable(key)
            _refuse_unportable(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_unportable(item)
