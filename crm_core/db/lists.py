"""``column IN (list of any length)`` as one statement text, whatever the list's length."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.types import Boolean, UserDefinedType

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Column
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine


class _ListOf(UserDefinedType[Any]):
    """A list of values of one type: an array on PostgreSQL, JSON text on SQLite."""

    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        self.item = item

    def get_col_spec(self, **_kw: Any) -> str:
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        convert = self.item.dialect_impl(dialect).bind_processor(dialect) or _same
        if dialect.name == "postgresql":
            return lambda values: [convert(value) for value in values]
        return lambda values: json.dumps([convert(value) for value in values])


def _same(value: Any) -> Any:
    return value


class _IsIn(ColumnElement[bool]):
    """The condition itself; how it is written differs per database."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Column[Any], values: BindParameter[Any]) -> None:
        self.column = column
        self.values = values


def is_in(column: Column[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that the column's value is in the list bound to ``name``."""
    return _IsIn(column, bindparam(name, type_=_ListOf(column.type)))


@compiles(_IsIn, "postgresql")
def _on_postgresql(element: _IsIn, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY ({compiler.process(element.values, **kw)})"


@compiles(_IsIn, "sqlite")
def _on_sqlite(element: _IsIn, compiler: Any, **kw: Any) -> str:
    values = compiler.process(element.values, **kw)
    return f"{compiler.process(element.column, **kw)} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both parts are compiled
