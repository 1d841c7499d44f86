"""The references of a plugin's tables as they are after its migration: none may hold up the deleting of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from crm_core.db.names import plugin_schema, sqlite_schema_prefix
from crm_core.db.sqlite_reflection import logical_name
from crm_core.errors import PluginError
from crm_core.plugin_host.migrations.refusal import Forbidden
from crm_core.plugin_host.migrations.words import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

__all__ = ["referring", "require_harmless"]

_KEYS = sa.text("""
SELECT c.relname::text, m.nspname || '.' || r.relname, k.confdeltype = 'n', array(
    SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE n.nspname = :schema AND k.contype = 'f' ORDER BY c.relname, k.conname
""")
_INDEXES = sa.text("""
SELECT c.relname::text, i.indexprs IS NOT NULL AND i.indisunique, i.indpred IS NULL AND i.indisvalid, array(
    SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS u (number, place)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number ORDER BY u.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema
""")
_COLUMNS = sa.text("""
SELECT c.relname::text, a.attname::text, a.attnotnull, a.attgenerated <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
""")
_CHECKED = sa.text("""
SELECT DISTINCT c.relname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND k.contype = 'c'
""")
_SQLITE_TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ? ORDER BY name"


class _Key(NamedTuple):
    """A reference: the columns it is made of, where it leads, and whether they are emptied with what it leads to."""

    target: str
    columns: tuple[str, ...]
    empties: bool


class _Table(NamedTuple):
    """What there is to know of one table; ``strict`` says that a row may be refused for what is in it."""

    keys: list[_Key]
    indexes: list[tuple[str | None, ...]]
    required: set[str]
    strict: bool


def referring(connection: Connection, plugin: str, table: str) -> list[str]:
    """Return the plugin's tables that refer to one of its tables; itself too, if it does."""
    here = f"{plugin_schema(plugin)}.{table}"
    own = _tables(connection, plugin)
    return sorted(name for name, each in own.items() if any(key.target == here for key in each.keys))


def require_harmless(connection: Connection, plugin: str, label: str) -> None:
    """Raise PluginError for a reference without an index, and for one that a row of the plugin could hold against."""
    schema = plugin_schema(plugin)
    for name, table in _tables(connection, plugin).items():
        for key in table.keys:
            columns = ", ".join(key.columns)
            if not _has_index(key, table.indexes):
                listed = ", ".join(f'"{column}"' for column in key.columns)
                message = (
                    f"{label}: {schema}.{name} refers to {key.target} by ({columns}) without an index that begins with"
                    f" these columns, so that deleting a record would search the whole table; add to the revision: "
                    f'op.create_index("ix_{name}_{key.columns[-1]}", "{name}", [{listed}], schema="{schema}")'
                )
                raise PluginError(message, plugin=label)
            if key.empties and (table.strict or table.required.intersection(key.columns)):
                message = (
                    f'{label}: {schema}.{name} refers to {key.target} by ({columns}) with ondelete="SET NULL", but the '
                    "table may not take a row without them (NOT NULL, a check, a computed column), so that the record "
                    'could not be deleted; use ondelete="CASCADE", or keep the id in a column without a reference'
                )
                raise PluginError(message, plugin=label)


def _has_index(key: _Key, indexes: Iterable[tuple[str | None, ...]]) -> bool:
    return any(set(index[: len(key.columns)]) == set(key.columns) for index in indexes)


def _tables(connection: Connection, plugin: str) -> dict[str, _Table]:
    schema = plugin_schema(plugin)
    if connection.dialect.name == "postgresql":
        return _on_postgresql(connection, schema)
    prefix = sqlite_schema_prefix(schema)
    rows = connection.exec_driver_sql(_SQLITE_TABLES, (len(prefix), prefix)).all()
    return {name.removeprefix(prefix): _on_sqlite(connection, name, sql) for name, sql in rows}


def _on_postgresql(connection: Connection, schema: str) -> dict[str, _Table]:
    at = {"schema": schema}
    checked = set(connection.execute(_CHECKED, at).scalars())
    found: dict[str, _Table] = {}
    for table, column, required, generated in connection.execute(_COLUMNS, at):
        known = found.setdefault(table, _Table([], [], set(), table in checked))
        if required:
            known.required.add(column)
        if generated:
            found[table] = known._replace(strict=True)
    for table, target, empties, columns in connection.execute(_KEYS, at):
        found[table].keys.append(_Key(target, tuple(columns), empties))
    for table, unique_expression, usable, columns in connection.execute(_INDEXES, at):
        if unique_expression:
            found[table] = found[table]._replace(strict=True)
        if usable:
            found[table].indexes.append(tuple(columns))
    return found


def _on_sqlite(connection: Connection, name: str, sql: str) -> _Table:
    columns = connection.exec_driver_sql(f'PRAGMA table_xinfo("{name}")').all()
    required = {row[1] for row in columns if row[3]}
    indexes = list(_sqlite_indexes(connection, name))
    strict = (
        _has_checks(sql)
        or any(row[6] > 1 for row in columns)
        or any(unique and None in listed for unique, _, listed in indexes)
    )
    usable = [listed for _, partial, listed in indexes if not partial]
    if any(row[5] for row in columns):
        usable.append(tuple(row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5]))
    return _Table(list(_sqlite_keys(connection, name)), usable, required, strict)


def _has_checks(sql: str) -> bool:
    try:
        return "check" in read(sql, on_sqlite=True).words
    except Forbidden:
        return True  # made before statements were judged


def _sqlite_indexes(connection: Connection, name: str) -> Iterator[tuple[bool, bool, tuple[str | None, ...]]]:
    for _, index, unique, _, partial in connection.exec_driver_sql(f'PRAGMA index_list("{name}")').all():
        listed = connection.exec_driver_sql(f'PRAGMA index_info("{index}")').all()
        yield bool(unique), bool(partial), tuple(row[2] for row in listed)


def _sqlite_keys(connection: Connection, name: str) -> Iterator[_Key]:
    parts: dict[int, list[tuple[int, str]]] = {}
    facts: dict[int, tuple[str, bool]] = {}
    for number, place, target, column, _, _, on_delete, _ in connection.exec_driver_sql(
        f'PRAGMA foreign_key_list("{name}")'
    ).all():
        parts.setdefault(number, []).append((place, column))
        facts[number] = (".".join(logical_name(target)), on_delete == "SET NULL")
    for number, columns in sorted(parts.items()):
        target, empties = facts[number]
        yield _Key(target, tuple(column for _, column in sorted(columns)), empties)
