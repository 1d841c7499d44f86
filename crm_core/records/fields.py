"""The fields of a record type, read off its table: how JSON, text and Python values of each are checked."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from sqlalchemy import BigInteger, Column, DefaultClause, Integer, Text
from sqlalchemy.sql.elements import True_

from crm_core.db.values import is_storable, shown, unstorable
from crm_core.errors import InvalidInput
from crm_core.schema.columns import STANDARD_COLUMNS
from crm_core.schema.types import Day, Flag, Id, Json, Money, Percent, Quantity, Rate, UnitPrice, UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy import Table

SHORT_TEXT = 500
LONG_TEXT = 65_536
_LONG = frozenset({"body", "description", "terms"})
_DECIMALS = (Money, UnitPrice, Quantity, Rate, Percent)
_EXACT = (*_DECIMALS, UtcDateTime, Day, Json)
_INT32 = 2**31 - 1
_INT64 = 2**63 - 1
_HIDDEN = "tenant_id"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its column, the type its JSON value must have, and whether callers may set it."""

    name: str
    column: Column[Any]
    python_type: Any
    nullable: bool
    required: bool
    writable: bool
    default: Any
    doc: str

    def check(self, record_type: str, value: Any) -> Any:
        """Return a value as it will be stored; an InvalidInput names the field and the limit."""
        if value is None:
            if self.nullable:
                return None
            message = f"{record_type}.{self.name} may not be empty"
            raise InvalidInput(message, field=self.name)
        kind = self.column.type
        try:
            if isinstance(kind, _EXACT):
                return kind.exact(value)
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            message = f"{record_type}.{self.name}: {error}"
            raise InvalidInput(message, field=self.name) from error
        if isinstance(value, str) and not is_storable(value):
            message = f"{record_type}.{self.name} {unstorable(value)}"
            raise InvalidInput(message, field=self.name)
        return value

    def convert(self, record_type: str, value: Any, *, strict: bool = True) -> Any:
        """Return the Python value of a JSON value (or, with ``strict=False``, of a text), checked."""
        if value is None:
            return self.check(record_type, None)
        try:
            converted = msgspec.convert(value, self.python_type, strict=strict)
        except (msgspec.ValidationError, UnicodeEncodeError, OverflowError) as error:
            message = f"{record_type}.{self.name} = {shown(value)}: {error}"
            raise InvalidInput(message, field=self.name) from None
        return self.check(record_type, converted)


def fields_of(table: Table, read_only: frozenset[str]) -> tuple[Field, ...]:
    """Return the fields of a record table in the order of its columns, without the tenant."""
    return tuple(_field(column, read_only) for column in table.columns if column.name != _HIDDEN)


def _field(column: Column[Any], read_only: frozenset[str]) -> Field:
    name = str(column.name)
    writable = name != "id" and name not in STANDARD_COLUMNS and name not in read_only
    nullable = bool(column.nullable)
    required = writable and not nullable and column.server_default is None
    return Field(name, column, _python_type(column), nullable, required, writable, _default(column), column.doc or "")


def _default(column: Column[Any]) -> Any:
    """Return the Python value of the column's default: rows are always written whole."""
    if not isinstance(column.server_default, DefaultClause):
        return None
    argument = column.server_default.arg
    if isinstance(column.type, Flag):
        return isinstance(argument, True_)
    text = argument if isinstance(argument, str) else str(argument)
    if isinstance(column.type, Text):
        return text
    return column.type.exact(Decimal(text)) if isinstance(column.type, _DECIMALS) else int(text)


def _python_type(column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Text):
        return _text_type(column)
    plain: tuple[tuple[Any, Any], ...] = (
        (Id, uuid.UUID),
        (_DECIMALS, Decimal),
        (UtcDateTime, Annotated[dt.datetime, msgspec.Meta(tz=True)]),
        (Day, dt.date),
        (Json, Any),
        (Flag, bool),
        (BigInteger, Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64)]),
        (Integer, Annotated[int, msgspec.Meta(ge=-_INT32, le=_INT32)]),
    )
    for column_type, python_type in plain:
        if isinstance(kind, column_type):
            return python_type
    message = f"{column.table.name}.{column.name}: no JSON type for {kind!r}; add it to records/fields.py"
    raise TypeError(message)


def _text_type(column: Column[Any]) -> Any:
    values = column.info.get("values")
    if values:
        return Literal[tuple(values)]
    if column.name == "currency":
        return Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    limit = LONG_TEXT if column.name in _LONG else SHORT_TEXT
    least = 0 if column.nullable or column.server_default is not None else 1
    return Annotated[str, msgspec.Meta(min_length=least, max_length=limit)]
