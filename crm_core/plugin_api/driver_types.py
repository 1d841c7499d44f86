"""How values travel to and from the drivers in ``ctx.sql``, where no cursor of SQLAlchemy's tells their types."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import JSON, DateTime, Float, Numeric
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from crm_core.schema.json_text import load_json

__all__ = ["ON_POSTGRES", "ON_SQLITE"]


class _Decimal(asyncpg.AsyncpgNumeric):
    """Numbers as asyncpg gives them: no cursor tells their type here, which SQLAlchemy would ask for."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Return decimals, or floats where the column wants them."""
        del dialect, coltype
        return None if self.asdecimal else float


class _Float(asyncpg.AsyncpgFloat):
    """Floating point numbers as asyncpg gives them."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Return floats, or decimals where the column wants them."""
        del dialect, coltype
        return (lambda value: Decimal(repr(value))) if self.asdecimal else None


class _Json(postgresql.JSON):
    """JSON as asyncpg gives it, which is text."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Read the text."""
        del dialect, coltype
        return load_json


class _Jsonb(_Json, postgresql.JSONB):
    """As above, in the form that PostgreSQL can search."""


class _Moment(sqlite.DATETIME):
    """Moments in UTC: SQLite would keep the hands of the clock and forget where it hung."""

    def bind_processor(self, dialect: Any) -> Any:
        """Store an aware moment as that of UTC."""
        store: Any = super().bind_processor(dialect)

        def bind(value: Any) -> Any:
            return store(value.astimezone(dt.UTC) if self.timezone and value is not None else value)

        return bind

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Return an aware moment, as PostgreSQL does."""
        load: Any = super().result_processor(dialect, coltype)

        def result(value: Any) -> Any:
            found = load(value)
            return found.replace(tzinfo=dt.UTC) if self.timezone and found is not None else found

        return result


ON_POSTGRES: Final[dict[Any, Any]] = {Numeric: _Decimal, Float: _Float, JSON: _Json, postgresql.JSONB: _Jsonb}
"""Whose place they take on PostgreSQL."""

ON_SQLITE: Final[dict[Any, Any]] = {DateTime: _Moment}
"""Whose place they take on SQLite."""
