"""Core tables in ``ctx.sql``: what a plugin declares of them, and how they are read alike on both databases.

The core keeps some values on SQLite in a way of its own: amounts as whole numbers, moments as text with a letter in the
middle. A plugin's statement may compare them with its own columns, add them up or store them, so they are turned into
what SQLAlchemy's own types keep there where the table is read, before anything else sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from crm_core.plugin_host.core_read import COLUMNS, READABLE
from crm_core.schema import core
from crm_core.schema.types import Day, Flag, Id, Json, PlainText, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.types import TypeEngine

    from plugin_sdk import NotAllowed

    Refuse = Callable[[str, str], NotAllowed]

__all__ = ["SCHEMA", "alias_of", "is_core", "locks_core", "require_readable", "selected"]

SCHEMA: Final = "core"
_CAPABILITY = 'core records are read through ctx.api, or here with data = ["core:read"] in the manifest'

# How a plugin declares columns of the core's types; all others are numbers with a scale.
_DECLARED: tuple[tuple[type[TypeEngine[Any]], type[TypeEngine[Any]], str], ...] = (
    (Id, sa.Uuid, "Uuid()"),
    (PlainText, sa.String, "Text()"),
    (Flag, sa.Boolean, "Boolean()"),
    (Day, sa.Date, "Date()"),
    (UtcDateTime, sa.DateTime, "DateTime(timezone=True)"),
    (Json, sa.JSON, "JSON()"),
    (sa.BigInteger, sa.Integer, "BigInteger()"),
    (sa.Integer, sa.Integer, "Integer()"),
)


def is_core(table: Any) -> bool:
    """Tell whether a table is one of the core's."""
    return getattr(table, "schema", None) == SCHEMA


def alias_of(text: str, table: Any) -> str:
    """Return text that begins with a core table's name with that name as an alias, which no table of a plugin has."""
    name = f"{SCHEMA}.{table.name}"
    return f'"{name}"{text.removeprefix(name)}' if text.startswith(name) else text


def require_readable(name: str, granted: frozenset[str], refuse: Refuse, *, write: bool) -> None:
    """Raise unless a plugin to which these tables are granted may read one of the core's; none may write it."""
    if write:
        raise refuse(
            f"{SCHEMA}.{name} for writing", "core records are changed through ctx.api or by what a hook returns"
        )
    if name not in READABLE:
        raise refuse(f"{SCHEMA}.{name}", f"core tables that can be read are {', '.join(sorted(READABLE))}")
    if name not in granted:
        raise refuse(f"{SCHEMA}.{name}", _CAPABILITY)


def selected(table: Any, quote: Callable[[str], str], refuse: Refuse, *, on_sqlite: bool) -> str:
    """Return the columns of a core table that a plugin has declared, as they are selected."""
    known = core.tables[f"{SCHEMA}.{table.name}"].c
    texts = ["tenant_id"]
    for column in table.c:
        name = str(column.name)
        if name not in COLUMNS[table.name]:
            raise refuse(f"{SCHEMA}.{table.name}.{name}", f"there are {', '.join(COLUMNS[table.name])}")
        kind = known[name].type
        if not _fits(column.type, kind):
            raise refuse(f"{SCHEMA}.{table.name}.{name} as {column.type!r}", f"declare it as {_declared(kind)}")
        if name != "tenant_id":
            texts.append(_as_sqlalchemy_keeps_it(quote(name), kind) if on_sqlite else quote(name))
    return ", ".join(texts)


def locks_core(statement: sa.Select[Any]) -> bool:
    """Tell whether what a SELECT locks could be rows of core tables."""
    lock: Any = statement._for_update_arg  # noqa: SLF001 - no public name
    wanted: Iterable[Any] = lock.of or statement.get_final_froms()
    roots = [each.table if isinstance(each, sa.ColumnClause) else each for each in wanted]
    return any(is_core(element) for root in roots for element in visitors.iterate(root))


def _declared(kind: TypeEngine[Any]) -> str:
    for stored, _, text in _DECLARED:
        if isinstance(kind, stored):
            return text
    scaled: Any = kind
    return f"Numeric({scaled.precision}, {scaled.scale})"


def _fits(given: Any, kind: Any) -> bool:
    """Tell whether what a plugin says a column holds is what it holds."""
    if isinstance(given, sa.types.TypeDecorator):
        given = given.impl_instance
    for stored, expected, _ in _DECLARED:
        if isinstance(kind, stored):
            aware = given.timezone if isinstance(given, sa.DateTime) else True
            return isinstance(given, expected) and aware and not isinstance(given, sa.Enum)
    return isinstance(given, sa.Numeric) and given.asdecimal and given.scale == kind.scale


def _as_sqlalchemy_keeps_it(name: str, kind: Any) -> str:
    if isinstance(kind, UtcDateTime):
        return f"substr({name}, 1, 10) || ' ' || substr({name}, 12, 15) AS {name}"
    if any(isinstance(kind, stored) for stored, _, _ in _DECLARED):
        return name
    return f"{name} / {10**kind.scale}.0 AS {name}"
