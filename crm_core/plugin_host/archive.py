"""A plugin's data as a file: every row of its namespace, read and written by the host alone.

JSON lines: a header, then ``{"table", "row"}`` per row in portable values (see ``portable``), then
``{"tenant", "line"}`` for what the plugin adds itself, then a footer with the count and a SHA-256 over all
lines before it. It needs no code of the plugin, so it works when that is gone, and it can be read on the other
kind of database.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from crm_core.db.migrate import current_revision, in_transaction
from crm_core.db.names import plugin_schema, sqlite_schema_prefix
from crm_core.db.roles import as_plugin_owner, in_use
from crm_core.errors import PluginError
from crm_core.plugin_host import namespace
from crm_core.plugin_host.install import advance, installed_manifest, record_history
from crm_core.plugin_host.portable import of_columns
from crm_core.schema import field_def, tenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.portable import Portable

FORMAT = 1
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Contents:
    """What an export holds: its header, its rows and the plugin's own lines by tenant."""

    header: Mapping[str, Any]
    rows: list[tuple[str, dict[str, Any]]]
    lines: dict[UUID, list[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A table as this database has it, every column read and written as portable values."""

    table: sa.Table
    columns: Mapping[str, Portable]

    @classmethod
    def of(cls, connection: Connection, name: str, table: str) -> _Stored:
        types = namespace.columns(connection, name, table)
        sqlite = connection.dialect.name == "sqlite"
        portable = of_columns(types, _fields_of(connection, name, table), sqlite=sqlite)
        columns = [
            sa.Column(column, sa.types.NullType() if sqlite else _AsText(database_type))
            for column, database_type in types.items()
        ]
        return cls(sa.Table(table, sa.MetaData(schema=plugin_schema(name)), *columns), portable)

    def written(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {column: self.columns[column].write(value) for column, value in row.items()}

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {column: self.columns[column].read(value) for column, value in row.items()}


def _fields_of(connection: Connection, name: str, table: str) -> dict[str, str]:
    """Return the kinds of the plugin fields in a side table, those no longer declared too."""
    record_type = table.removesuffix("_fields")
    query = sa.select(field_def.c.field_key, field_def.c.kind).where(
        field_def.c.plugin == name, field_def.c.record_type == record_type
    )
    return {row.field_key: row.kind for row in connection.execute(query)} if record_type != table else {}


def write(connection: Connection, name: str, file: Path, lines: Mapping[UUID, Iterable[Mapping[str, Any]]]) -> int:
    """Write the export beside its place, make it durable, then move it there; return the number of rows.

    Runs in the caller's transaction, and nobody writes the plugin's tables until that ends.
    """
    part = file.with_name(file.name + ".part")
    digest, count = hashlib.sha256(), 0
    try:
        with part.open("w", encoding="utf-8") as stream:
            for line in _lines(connection, name, lines):
                text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
                count += "row" in line
                digest.update(text.encode())
                stream.write(text)
            stream.write(json.dumps({"rows": count, "sha256": digest.hexdigest()}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}; plugin {name} stays installed"
        raise PluginError(message, plugin=name) from error
    return count


def _lines(
    connection: Connection, name: str, lines: Mapping[UUID, Iterable[Mapping[str, Any]]]
) -> Iterator[dict[str, Any]]:
    stored = installed_manifest(connection, name)
    revision = current_revision(connection, plugin_schema(name)) if stored.tables else None
    yield {"format": FORMAT, "plugin": name, "version": stored.version_text, "revision": revision}
    sources = {table: _Stored.of(connection, name, table) for table in namespace.tables(connection, name)}
    tenants = _tenants(connection)
    with as_plugin_owner(connection, name):
        for table, source in sources.items():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"LOCK TABLE {source.table.fullname} IN ACCESS EXCLUSIVE MODE")
            for row in _rows(connection, source.table, tenants):
                yield {"table": table, "row": source.written(row)}
    for tenant_id, own in lines.items():
        for line in own:
            yield {"tenant": str(tenant_id), "line": dict(line)}


def _tenants(connection: Connection) -> list[UUID]:
    """Return the tenants to go through one by one: row security shows one at a time, but all to a plugin's owner."""
    if connection.dialect.name != "postgresql" or in_use(connection) is not None:
        return []
    return list(connection.execute(sa.select(tenant.c.id).order_by(tenant.c.id)).scalars())


def _rows(connection: Connection, source: sa.Table, tenants: Sequence[UUID]) -> Iterator[dict[str, Any]]:
    """Yield the rows of all tenants."""
    query = sa.select(source).order_by(*source.c)
    if not tenants or "tenant_id" not in source.c:
        yield from _page(connection, query)
        return
    for tenant_id in tenants:
        _scope(connection, tenant_id)
        yield from _page(connection, query)
    _scope(connection, None)


def _page(connection: Connection, query: Any) -> Iterator[dict[str, Any]]:
    result = connection.execute(query).mappings()
    while rows := result.fetchmany(_PAGE):
        yield from (dict(row) for row in rows)


class _AsText(sa.types.UserDefinedType[str]):
    """A column read as text and written by a cast to its own type."""

    cache_ok = True

    def __init__(self, database_type: str) -> None:
        # Not a length: casting to one would cut a value off without a word.
        self.database_type = "TEXT" if "CHAR" in database_type else database_type

    def get_col_spec(self, **_kw: Any) -> str:
        return self.database_type

    def column_expression(self, column: Any) -> Any:
        return sa.cast(column, sa.Text)

    def bind_expression(self, bindvalue: Any) -> Any:
        return sa.cast(sa.cast(bindvalue, sa.Text), self)


def _scope(connection: Connection, tenant_id: UUID | None) -> None:
    connection.execute(sa.select(sa.func.set_config("crm.tenant", str(tenant_id or ""), True)))  # noqa: FBT003 - PostgreSQL's own argument


def read(file: Path, name: str) -> Contents:
    """Read an export whole and check it; nothing is used of a damaged one."""
    try:
        texts = file.read_text(encoding="utf-8").splitlines(keepends=True)
        header, footer = json.loads(texts[0]), json.loads(texts[-1])
        digest = hashlib.sha256("".join(texts[:-1]).encode()).hexdigest()
        whole = footer["sha256"] == digest and len(texts) > 1
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise PluginError(message, plugin=name) from error
    except (ValueError, LookupError, TypeError) as error:
        message = f"{file} is damaged or is not an export of a plugin: its first and last line cannot be read"
        raise PluginError(message, plugin=name) from error
    if not whole:
        message = f"{file} is damaged: its lines do not fit the checksum at its end; use another copy"
        raise PluginError(message, plugin=name)
    if header.get("format") != FORMAT or header.get("plugin") != name:
        message = f"{file} is not an export of {name} in format {FORMAT}; it says {texts[0].strip()[:200]}"
        raise PluginError(message, plugin=name)
    rows: list[tuple[str, dict[str, Any]]] = []
    lines: dict[UUID, list[Mapping[str, Any]]] = {}
    for text in texts[1:-1]:
        entry = json.loads(text)
        if "row" in entry:
            rows.append((entry["table"], entry["row"]))
        else:
            lines.setdefault(UUID(entry["tenant"]), []).append(entry["line"])
    return Contents(header, rows, lines)


def load(url: str, name: str, contents: Contents, *, actor: str) -> int:
    """Put the rows of an export into the plugin's empty tables, all or none."""

    def insert(connection: Connection) -> int:
        manifest = installed_manifest(connection, name)
        stored = {table: _Stored.of(connection, name, table) for table in namespace.parents_first(connection, name)}
        tenants = _tenants(connection)
        _require_fit(name, stored, contents)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        try:
            with as_plugin_owner(connection, name):
                _require_empty(connection, name, stored, tenants)
                for table, target in stored.items():
                    _insert(connection, target, [row for each, row in contents.rows if each == table], tenants)
            _require_references(connection, name)
        except (sa.exc.SQLAlchemyError, ValueError) as error:
            reason = str(getattr(error, "orig", None) or error)
            message = f"the export of {name} does not fit this database: {reason}; nothing of it was loaded"
            raise PluginError(message, plugin=name) from error
        record_history(connection, manifest, "imported", actor, {"rows": len(contents.rows)})
        advance(connection)
        return len(contents.rows)

    return in_transaction(url, insert)


def clear(url: str, name: str) -> None:
    """Empty the plugin's tables again: what has just been loaded was not accepted."""

    def delete(connection: Connection) -> None:
        stored = [_Stored.of(connection, name, table).table for table in namespace.parents_first(connection, name)]
        tenants = _tenants(connection)
        with as_plugin_owner(connection, name):
            for source in reversed(stored):
                _delete(connection, source, tenants)
        advance(connection)

    in_transaction(url, delete)


def _delete(connection: Connection, source: sa.Table, tenants: Sequence[UUID]) -> None:
    for tenant_id in tenants:
        _scope(connection, tenant_id)
        connection.execute(sa.delete(source))
    if not tenants:
        connection.execute(sa.delete(source))


def _insert(connection: Connection, target: _Stored, rows: list[dict[str, Any]], tenants: Sequence[UUID]) -> None:
    for tenant_id, group in groupby(rows, key=lambda row: row.get("tenant_id")):
        if tenants and tenant_id:
            _scope(connection, UUID(tenant_id))
        connection.execute(sa.insert(target.table), [target.read(row) for row in group])


def _require_references(connection: Connection, name: str) -> None:
    """Raise here what SQLite would raise at the end of the transaction, without naming anything."""
    if connection.dialect.name != "sqlite":
        return
    for table in namespace.tables(connection, name):
        target = sqlite_schema_prefix(plugin_schema(name)) + table
        broken = connection.exec_driver_sql(f'PRAGMA foreign_key_check("{target}")').first()
        if broken is not None:
            message = f"a row of {table} refers to a row of {broken[2]} that is not there"
            raise ValueError(message)


def _require_fit(name: str, stored: Mapping[str, _Stored], contents: Contents) -> None:
    for table, row in contents.rows:
        missing = (
            [table] if table not in stored else [f"{table}.{key}" for key in row if key not in stored[table].columns]
        )
        if missing:
            version = contents.header.get("version")
            message = f"{name} has no {', '.join(missing)} here; install version {version}, which wrote the export"
            raise PluginError(message, plugin=name)


def _require_empty(connection: Connection, name: str, stored: Mapping[str, _Stored], tenants: Sequence[UUID]) -> None:
    for source in stored.values():
        for _ in _rows(connection, source.table, tenants):
            message = f"{source.table.fullname} has rows already; purge {name} and install it again before importing"
            raise PluginError(message, plugin=name)
