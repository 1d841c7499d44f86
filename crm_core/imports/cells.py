"""From a cell of a file to the Python value a field takes; what does not fit names column, value and reason."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import BigInteger, Integer

from crm_core.errors import InvalidInput
from crm_core.schema.types import Day, Flag, Json, Money, Percent, Quantity, Rate, UnitPrice, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.imports.mapping import ColumnValue
    from crm_core.records.fields import Field
    from plugin_sdk.manifest import FieldSpec

_WIDE = Context(prec=60)
_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("decimal", (Money, Percent, Quantity, Rate, UnitPrice)),
    ("datetime", (UtcDateTime,)),
    ("date", (Day,)),
    ("json", (Json,)),
    ("boolean", (Flag,)),
    ("integer", (BigInteger, Integer)),
)
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class CellError(InvalidInput):
    """A cell that cannot become the value of its field."""

    code = "invalid_cell"


def core_kind(field: Field) -> str:
    """Return the type, in the mapping's words, that a core field has."""
    kind = field.column.type
    return next((name for name, types in _KINDS if isinstance(kind, types)), "text")


def plugin_kind(spec: FieldSpec) -> str:
    """Return the type, in the mapping's words, that a plugin's field has."""
    kind = str(spec.kind)
    return {"money": "decimal", "choice": "text"}.get(kind, kind)


def prepared(spec: ColumnValue, kind: str) -> Callable[[Any], Any]:
    """Return what turns a cell, never empty, into what the field's own conversion takes."""
    steps: list[Callable[[Any], Any]] = []
    if spec.values is not None:
        steps.append(lambda value: _translated(spec, value))
    if kind != "text":
        steps.append(lambda value: value.strip() if isinstance(value, str) else value)
    if spec.decimal_separator == ",":
        steps.append(lambda value: value.replace(".", "").replace(",", ".") if isinstance(value, str) else value)
    if spec.format is not None:
        day = kind == "date"
        steps.append(lambda value: _moment(spec.format or "", value, day=day))
    if kind in _READERS:
        steps.append(_READERS[kind])
    if len(steps) == 1:
        return steps[0]

    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


def quotient(spec: ColumnValue, dividend: Any, divisor: Any) -> str:
    """Return one column divided by another, rounded half up to the places of the mapping."""
    try:
        value = _WIDE.divide(Decimal(str(dividend).strip()), Decimal(str(divisor).strip()))
        return str(value.quantize(Decimal(1).scaleb(-spec.places), ROUND_HALF_UP, _WIDE))
    except (InvalidOperation, ZeroDivisionError):
        message = f"{spec.column} / {spec.divide_by} = {dividend} / {divisor}: cannot be divided"
        raise InvalidInput(message) from None


def plugin_value(spec: FieldSpec, value: Any) -> Any:
    """Return the value of a plugin's field, checked by its declaration."""
    try:
        return spec.validate(value)
    except ValueError as error:
        raise InvalidInput(str(error), field=f"{spec.key}") from error


def _translated(spec: ColumnValue, value: Any) -> Any:
    known = spec.values or {}
    if str(value) not in known:
        message = f"{value!r} is none of the values the mapping translates ({', '.join(known)}); add it there"
        raise InvalidInput(message)
    return known[str(value)]


@lru_cache(maxsize=4096)
def _moment(form: str, value: Any, *, day: bool) -> str:
    try:
        parsed = dt.datetime.strptime(str(value), form)  # noqa: DTZ007 - a time without a zone is taken as UTC below
    except ValueError as error:
        message = f"{value!r} is not written as {form}: {error}"
        raise InvalidInput(message) from None
    if day:
        return parsed.date().isoformat()
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).isoformat()


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        message = f"{value!r} is not JSON: {error}"
        raise InvalidInput(message) from None


def _flag(value: Any) -> Any:
    if isinstance(value, str) and value.lower() not in _FLAGS:
        message = f"{value!r} is neither true nor false"
        raise InvalidInput(message)
    return _FLAGS[value.lower()] if isinstance(value, str) else value


def _integer(value: Any) -> Any:
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        message = f"{value!r} is not a whole number"
        raise InvalidInput(message) from None


_READERS: dict[str, Callable[[Any], Any]] = {"json": _json, "boolean": _flag, "integer": _integer}
