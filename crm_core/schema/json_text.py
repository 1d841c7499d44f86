"""JSON text as both databases keep it: what one of them would change or refuse is refused here."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

__all__ = ["dump_json", "load_json"]

_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical").encode
_decode = msgspec.json.Decoder().decode
# Text that may hide a value the two databases treat differently; only then is the value walked through.
_SUSPECT = re.compile(r"null|\\u0000|\d[eE]\+?\d|\d{16}")
# Beyond this, JSONB gives a float back as a whole number with other digits.
_FLOAT_LIMIT = 2.0**53


def dump_json(value: object) -> str:
    """Write a value as compact JSON text, decimals as strings."""
    text = _encode(value).decode()
    if _SUSPECT.search(text):
        _refuse_unportable(msgspec.to_builtins(value, builtin_types=(float,)))
    return text


def load_json(text: str) -> Any:
    """Read JSON text."""
    return _decode(text)


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
