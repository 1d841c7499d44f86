"""A plugin's data as a file: every row of its namespace, read and written by the host alone.

JSON lines: a header, then ``{"table", "row"}`` per row in the database's own values as text, then
``{"tenant", "line"}`` for what the plugin adds itself, then a footer with the count and a SHA-256 over all
lines before it. It needs no code of the plugin, so it works when that is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from crm_core.db.migrate import current_revision, in_transaction
from crm_core.db.names import plugin_schema
from crm_core.errors import PluginError
from crm_core.plugin_host import namespace
from crm_core.plugin_host.install import advance, record_history
from crm_core.schema import plugin, tenant
from plugin_sdk import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.engine import Connection

FORMAT = 1
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Contents:
    """What an export holds: its header, its rows and the plugin's own lines by tenant."""

    header: Mapping[str, Any]
    rows: list[tuple[str, dict[str, Any]]]
    lines: dict[UUID, list[Mapping[str, Any]]]


def write(url: str, name: str, file: Path, lines: Mapping[UUID, Iterable[Mapping[str, Any]]]) -> int:
    """Write the export beside its place, make it durable, then move it there; return the number of rows."""

    def export(connection: Connection) -> int:
        part = file.with_name(file.name + ".part")
        digest, count = hashlib.sha256(), 0
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
        return count

    return in_transaction(url, export)


def _lines(
    connection: Connection, name: str, lines: Mapping[UUID, Iterable[Mapping[str, Any]]]
) -> Iterator[dict[str, Any]]:
    manifest = connection.execute(sa.select(plugin.c.manifest).where(plugin.c.id == name)).scalar_one_or_none()
    if manifest is None:
        message = f"plugin {name} is not installed; there is nothing to export"
        raise PluginError(message, plugin=name)
    stored = Manifest.from_json(manifest)
    revision = current_revision(connection, plugin_schema(name)) if stored.tables else None
    yield {"format": FORMAT, "plugin": name, "version": stored.version_text, "revision": revision}
    for table in namespace.tables(connection, name):
        for row in _rows(connection, name, table):
            yield {"table": table, "row": row}
    for tenant_id, own in lines.items():
        for line in own:
            yield {"tenant": str(tenant_id), "line": dict(line)}


def _rows(connection: Connection, name: str, table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of all tenants: row security shows one tenant at a time."""
    source = _table(connection, name, table)
    if connection.dialect.name != "postgresql" or "tenant_id" not in source.c:
        yield from _page(connection, sa.select(source))
        return
    for tenant_id in connection.execute(sa.select(tenant.c.id)).scalars().all():
        _scope(connection, tenant_id)
        yield from _page(connection, sa.select(source))
    _scope(connection, None)


def _page(connection: Connection, query: Any) -> Iterator[dict[str, Any]]:
    result = connection.execute(query).mappings()
    while rows := result.fetchmany(_PAGE):
        yield from (dict(row) for row in rows)


def _table(connection: Connection, name: str, table: str) -> sa.Table:
    """Return the table with every column as text: an export keeps what the database shows, whatever the type."""
    text = connection.dialect.name == "postgresql"
    columns = namespace.columns(connection, name, table)
    kind = sa.Text() if text else sa.types.NullType()
    columns_of = [
        sa.Column(column, _AsText(database_type) if text else kind) for column, database_type in columns.items()
    ]
    return sa.Table(table, sa.MetaData(schema=plugin_schema(name)), *columns_of)


class _AsText(sa.types.UserDefinedType[str]):
    """A column read as text and written by a cast to its own type."""

    cache_ok = True

    def __init__(self, database_type: str) -> None:
        self.database_type = database_type

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
    digest = hashlib.sha256()
    texts = file.read_text(encoding="utf-8").splitlines(keepends=True)
    if not texts:
        message = f"{file} is empty; it is not an export of a plugin"
        raise PluginError(message, plugin=name)
    for text in texts[:-1]:
        digest.update(text.encode())
    header, footer = json.loads(texts[0]), json.loads(texts[-1])
    if header.get("format") != FORMAT or header.get("plugin") != name:
        message = f"{file} is not an export of {name} in format {FORMAT}; it says {texts[0].strip()[:200]}"
        raise PluginError(message, plugin=name)
    if footer.get("sha256") != digest.hexdigest():
        message = f"{file} is damaged: its lines do not fit the checksum at its end; use another copy"
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
        manifest = connection.execute(sa.select(plugin.c.manifest).where(plugin.c.id == name)).scalar_one_or_none()
        if manifest is None:
            message = f"plugin {name} is not installed; run crm plugin install {name} first"
            raise PluginError(message, plugin=name)
        there = set(namespace.tables(connection, name))
        tables = {table: _table(connection, name, table) for table, _ in contents.rows if table in there}
        missing = {table for table, _ in contents.rows} - there
        if missing:
            message = f"{name} has no table {', '.join(sorted(missing))}; install the version that wrote the export"
            raise PluginError(message, plugin=name)
        _require_empty(connection, name, tables)
        for table, row in contents.rows:
            if connection.dialect.name == "postgresql" and "tenant_id" in row:
                _scope(connection, UUID(row["tenant_id"]))
            connection.execute(sa.insert(tables[table]).values(row))
        record_history(connection, Manifest.from_json(manifest), "imported", actor, {"rows": len(contents.rows)})
        advance(connection)
        return len(contents.rows)

    return in_transaction(url, insert)


def _require_empty(connection: Connection, name: str, tables: Mapping[str, sa.Table]) -> None:
    for table, source in tables.items():
        for _ in _rows(connection, name, table):
            message = f"{source.fullname} has rows already; purge {name} and install it again before importing"
            raise PluginError(message, plugin=name)
