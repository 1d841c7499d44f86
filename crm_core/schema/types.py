"""Column types whose Python values are the same on SQLite and PostgreSQL.

The request path runs compiled statements straight on asyncpg and sqlite3, so every conversion here is a plain bind or
result processor that needs a dialect and no connection. What one database would refuse, both refuse, here and with the
same message: a value that was accepted on SQLite can always be copied to PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.types import UserDefinedType

from crm_core.schema.json_text import dump_json, load_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.operators import OperatorType
    from sqlalchemy.types import TypeEngine

__all__ = ["Day", "Flag", "Id", "Json", "Money", "Percent", "PlainText", "Quantity", "Rate", "UnitPrice", "UtcDateTime"]

_INT64_MAX = 2**63 - 1
_LONGEST_SHOWN = 40
# Wide enough for any int64 with a scale of ten; a value that would lose a digit raises instead of being rounded.
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])
# asyncpg writes the very first and last day as "-infinity" and "infinity", so both databases stop one day earlier.
_FIRST_DAY = dt.date(1, 1, 2)
_LAST_DAY = dt.date(9999, 12, 30)


class Id(sa.Uuid[uuid.UUID]):
    """A record id: UUID on PostgreSQL, 32 hexadecimal digits on SQLite."""

    cache_ok = True


class Flag(sa.Boolean):
    """True or false: BOOLEAN on PostgreSQL, 0 or 1 in an INTEGER on SQLite."""

    cache_ok = True


class PlainText(sa.Text):
    """Text that is compared and sorted by code point: TEXT with the collation "C" on PostgreSQL, TEXT on SQLite.

    Lists are then in the same order whatever locale a database was made with, and indexes survive a change of locale.
    """

    cache_ok = True


class _Native(UserDefinedType[Any]):
    """A type that names its own column type per database and asks for a cast of bound values on PostgreSQL."""

    cache_ok = True
    render_bind_cast = True
    postgresql_type: ClassVar[str]
    sqlite_type: ClassVar[str] = "TEXT"

    def __init_subclass__(cls, **kw: Any) -> None:
        """Let SQLAlchemy cache statements with these types: it wants to be told by each class itself."""
        super().__init_subclass__(**kw)
        cls.cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        """Name the column type in PostgreSQL's words, which are also the ones shown in documentation."""
        return self.postgresql_type


class _Scaled(_Native):
    """An exact decimal number: NUMERIC on PostgreSQL, an INTEGER counted in the last decimal place on SQLite."""

    precision: ClassVar[int]
    scale: ClassVar[int]
    sqlite_type = "INTEGER"
    step: ClassVar[Decimal]
    limit: ClassVar[Decimal]

    def __init_subclass__(cls, **kw: object) -> None:
        """Derive the step, the limit and the column type from precision and scale."""
        super().__init_subclass__(**kw)
        cls.postgresql_type = f"NUMERIC({cls.precision}, {cls.scale})"
        cls.step = Decimal(1).scaleb(-cls.scale)
        cls.limit = Decimal(min(10**cls.precision - 1, _INT64_MAX)).scaleb(-cls.scale, _EXACT)

    @property
    def python_type(self) -> type[Decimal]:
        """Say that Python sees decimals."""
        return Decimal

    def exact(self, value: object) -> Decimal:
        """Give the value with the full scale, or raise if it is not a decimal number this column can hold."""
        name = type(self).__name__
        if not isinstance(value, Decimal):
            if not isinstance(value, int) or isinstance(value, bool):
                message = f"{name} takes Decimal or int, not {type(value).__name__} {value!r}: convert it exactly first"
                raise TypeError(message)
            value = Decimal(value)
        if not value.is_finite():
            message = f"{name} cannot hold {value}: give a finite number"
            raise ValueError(message)
        # Not abs(): that computes, and overflows with an exponent beyond Python's own limit.
        if value.copy_abs() > self.limit:
            message = f"{name} cannot hold {_shown(value)}: the limit is {self.limit} either side of zero"
            raise ValueError(message)
        try:
            return value.quantize(self.step, context=_EXACT)
        except (Inexact, InvalidOperation):
            message = f"{name} cannot hold {_shown(value)}: the limit is {self.scale} decimal places; round it first"
            raise ValueError(message) from None

    def coerce_compared_value(self, op: OperatorType | None, value: object) -> TypeEngine[Any]:
        """Treat compared values as this type; refuse products, whose scale would differ on SQLite."""
        if op in {operators.mul, operators.truediv, operators.floordiv, operators.mod}:
            message = f"{type(self).__name__} cannot be multiplied or divided in SQL: compute {value!r} in Python"
            raise TypeError(message)
        return self

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Send exact decimals to PostgreSQL and scaled integers to SQLite."""
        exact, scale = self.exact, self.scale
        if dialect.name == "sqlite":
            return lambda value: None if value is None else int(exact(value).scaleb(scale, _EXACT))
        return lambda value: None if value is None else exact(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return decimals with the full scale, whatever the database sent."""
        del coltype
        scale, step = self.scale, self.step
        if dialect.name != "sqlite":
            return lambda value: None if value is None else value.quantize(step, context=_EXACT)

        def unscale(value: object) -> Decimal | None:
            if value is None:
                return None
            if type(value) is not int:
                message = f"SQLite returned {value!r} for {type(self).__name__}, which is stored as a whole number"
                raise TypeError(message)
            return Decimal(value).scaleb(-scale, _EXACT)

        return unscale

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Write a constant into SQL text, as defaults and partial indexes need it."""
        bind = self.bind_processor(dialect)
        return lambda value: str(bind(value))


def _shown(value: Decimal) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{value:.6e}"


class Money(_Scaled):
    """An amount in the currency named in the same row: four decimal places."""

    precision, scale = 19, 4


class UnitPrice(_Scaled):
    """A price for one unit: six decimal places."""

    precision, scale = 19, 6


class Quantity(_Scaled):
    """A number of units: six decimal places."""

    precision, scale = 19, 6


class Rate(_Scaled):
    """An exchange rate: ten decimal places."""

    precision, scale = 20, 10


class Percent(_Scaled):
    """A percentage, 100 meaning all of it: four decimal places."""

    precision, scale = 7, 4


class UtcDateTime(_Native):
    """A moment in UTC: TIMESTAMPTZ on PostgreSQL, text of a fixed width that sorts by time on SQLite."""

    postgresql_type = "TIMESTAMP WITH TIME ZONE"

    @property
    def python_type(self) -> type[dt.datetime]:
        """Say that Python sees aware datetimes."""
        return dt.datetime

    def exact(self, value: object) -> dt.datetime:
        """Give the moment in UTC, or raise if it has no time zone or this column cannot hold it."""
        return _to_utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Accept aware datetimes only, and convert them to UTC."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else utc_text(value)
        return lambda value: None if value is None else _to_utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return aware datetimes in UTC."""
        del coltype
        if dialect.name == "sqlite":
            return lambda value: None if value is None else dt.datetime.fromisoformat(value)
        return None  # asyncpg already gives aware datetimes in UTC

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Write a constant into SQL text."""
        del dialect
        return lambda value: f"'{utc_text(value)}'"


class Day(_Native):
    """A calendar day without a time: DATE on PostgreSQL, ISO text on SQLite."""

    postgresql_type = "DATE"

    @property
    def python_type(self) -> type[dt.date]:
        """Say that Python sees dates."""
        return dt.date

    def exact(self, value: object) -> dt.date:
        """Give the day, or raise if this column cannot hold it."""
        return _checked_day(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Accept dates only: a datetime would hide which day is meant."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else _checked_day(value).isoformat()
        return lambda value: None if value is None else _checked_day(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return dates."""
        del coltype
        if dialect.name == "sqlite":
            return lambda value: None if value is None else dt.date.fromisoformat(value)
        return None

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Write a constant into SQL text."""
        del dialect
        return lambda value: f"'{_checked_day(value).isoformat()}'"


class Json(_Native):
    """A JSON value: JSONB on PostgreSQL, text on SQLite. None is the SQL NULL; decimals become strings."""

    postgresql_type = "JSONB"
    hashable = False

    def exact(self, value: object) -> object:
        """Give the value, or raise if one of the databases would change or refuse it."""
        dump_json(value)
        return value

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Send compact JSON text; asyncpg and sqlite3 both take a str."""
        del dialect
        return lambda value: None if value is None else dump_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read JSON text; asyncpg and sqlite3 both give a str."""
        del dialect, coltype
        return lambda value: None if value is None else load_json(value)

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Write a constant into SQL text."""
        del dialect
        return lambda value: "'" + dump_json(value).replace("'", "''") + "'"


def utc_text(value: dt.datetime) -> str:
    """Write an aware datetime the way SQLite stores it, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    return _to_utc(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _to_utc(value: object) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        message = f"UtcDateTime takes an aware datetime, not {type(value).__name__} {value!r}"
        raise TypeError(message)
    if value.utcoffset() is None:
        message = f"UtcDateTime cannot hold {value.isoformat()}: it has no time zone; say which one is meant"
        raise ValueError(message)
    try:
        moment = value.astimezone(dt.UTC)
    except OverflowError:
        moment = value.replace(tzinfo=dt.UTC)
        _checked_day(dt.date.min if moment.year == 1 else dt.date.max)
        raise
    _checked_day(moment.date())
    return moment


def _checked_day(value: object) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        message = f"Day takes a date, not {type(value).__name__} {value!r}"
        raise TypeError(message)
    if not _FIRST_DAY <= value <= _LAST_DAY:
        message = f"{value.isoformat()} is outside what both databases hold: {_FIRST_DAY} to {_LAST_DAY}"
        raise ValueError(message)
    return value


@compiles(_Native, "sqlite")
def _native_on_sqlite(type_: _Native, _compiler: object, **_kw: object) -> str:
    return type_.sqlite_type


@compiles(PlainText, "postgresql")
def _plain_text_on_postgresql(_type: PlainText, _compiler: object, **_kw: object) -> str:
    return 'TEXT COLLATE "C"'


@compiles(Flag, "sqlite")
def _flag_on_sqlite(_type: Flag, _compiler: object, **_kw: object) -> str:
    return "INTEGER"
