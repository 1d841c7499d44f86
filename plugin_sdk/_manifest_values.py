"""Turn values from JSON and TOML into Python values, strictly: nothing is guessed, rounded or cut."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

_INTEGER_LIMIT: Final = 2**63
_MAX_ADJUSTED: Final = 20  # keeps Decimal("1e999999") from being written out
_MAX_JSON_DEPTH: Final = 32
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DECIMAL_FIX: Final = 'write up to 15 digits and up to 4 decimals as a text, e.g. "12.50"'


class BadValueError(Exception):
    """Internal: a value does not fit; the caller adds which key it belongs to."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def to_text(value: object, longest: int) -> str:
    """Return a text that every supported database can store."""
    if not isinstance(value, str):
        raise BadValueError("not a text", "write a text")
    if not _storable(value):
        raise BadValueError("contains a NUL or half of a surrogate pair", "remove that character")
    if len(value) > longest:
        raise BadValueError(f"{len(value)} characters long", f"use at most {longest} characters")
    return value


def to_integer(value: object) -> int:
    """Return a 64-bit integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadValueError("not a whole number", "write a whole number without quotes, e.g. 10")
    if not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
        raise BadValueError("outside 64 bits", "use a number between -2^63 and 2^63 - 1")
    return value


def to_decimal(value: object) -> Decimal:
    """Return a decimal that fits numeric(19,4); floats are refused, because they have lost digits already."""
    if isinstance(value, float):
        raise BadValueError("a binary floating-point number, which is not exact", _DECIMAL_FIX)
    text = _decimal_text(value)
    if text is None:
        raise BadValueError("not a decimal number", _DECIMAL_FIX)
    if _DECIMAL.fullmatch(text) is None:
        raise BadValueError("not a decimal number of at most 15 digits and 4 decimals", _DECIMAL_FIX)
    number = Decimal(text)
    return number or abs(number)  # -0 would be a second way to write 0


def _decimal_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < _INTEGER_LIMIT else None
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _MAX_ADJUSTED:
        return format(value, "f")
    return None


def to_boolean(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise BadValueError("not true or false", "write true or false without quotes")
    return value


def to_choice(value: object, choices: tuple[str, ...]) -> str:
    """Return one of the declared choices."""
    if not isinstance(value, str) or value not in choices:
        raise BadValueError("not one of the choices", f"use one of: {', '.join(choices)}")
    return value


def to_date(value: object) -> date:
    """Return a calendar date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise BadValueError("no such day", 'write an existing day, e.g. "2026-01-31"') from error
    raise BadValueError("not a date", 'write year, month and day, e.g. "2026-01-31"')


def to_datetime(value: object) -> datetime:
    """Return a point in time in UTC."""
    fix = 'write date, time and offset, e.g. "2026-01-31T12:00:00Z"'
    try:
        if isinstance(value, str) and _DATETIME.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
        if isinstance(value, datetime) and value.utcoffset() is not None:
            return value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadValueError("no such point in time", fix) from error
    raise BadValueError("not a point in time with its offset from UTC", fix)


def to_json_value(value: object, depth: int = 0) -> object:
    """Return a JSON value unchanged, after checking that it survives storage."""
    if depth > _MAX_JSON_DEPTH:
        raise BadValueError(f"nested more than {_MAX_JSON_DEPTH} levels deep", "flatten it")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_json_text(key)
            to_json_value(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            to_json_value(item, depth + 1)
    else:
        _check_json_scalar(value)
    return value


def _check_json_scalar(value: object) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_json_text(value)
    elif isinstance(value, int):
        to_integer(value)
    elif not isinstance(value, float):
        raise BadValueError(f"contains {type(value).__name__}, not JSON", "use JSON values only")
    elif not math.isfinite(value):
        raise BadValueError("contains a number that is not finite", "use null or a finite number")


def _check_json_text(value: object) -> None:
    if not isinstance(value, str) or not _storable(value):
        raise BadValueError("contains a text that cannot be stored", "use texts without NUL or half surrogate pairs")


def _storable(text: str) -> bool:
    # PostgreSQL stores no NUL, and UTF-8 has no form for half of a surrogate pair.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
