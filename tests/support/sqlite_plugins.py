"""A SQLite file with the tables of two plugins, and statements as they would be if nothing else kept them in check."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from crm_core.db.rights import PluginRights
from crm_core.db.statements import Statement

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.db.sqlite import SqliteConnection

LOYALTY = PluginRights("loyalty", "loyalty@1.0.0")
OTHER = PluginRights("other", "other@1.0.0")
OF_OTHERS = ("tenant", "record", "account", "plat_epoch", "plg_other__t", "plg_loyalty__account_fields")
"""The tables whose rows the plugin ``loyalty`` must never change."""

_SCHEMA = """
CREATE TABLE plg_loyalty__ledger (
    tenant_id TEXT, id INTEGER PRIMARY KEY, record_id TEXT, points INTEGER DEFAULT 1,
    FOREIGN KEY (tenant_id, record_id) REFERENCES record (tenant_id, id) ON DELETE CASCADE
);
CREATE TABLE plg_loyalty__entry (
    id INTEGER PRIMARY KEY, ledger INTEGER REFERENCES plg_loyalty__ledger ON DELETE CASCADE
);
CREATE INDEX plg_loyalty__ix_entry ON plg_loyalty__entry (ledger);
CREATE TABLE plg_loyalty__account_fields (tenant_id TEXT, record_id TEXT, tier TEXT);
CREATE TABLE plg_loyalty__alembic_version (version_num TEXT);
CREATE TABLE plg_other__t (tenant_id TEXT, id TEXT, record_id TEXT,
    FOREIGN KEY (tenant_id, record_id) REFERENCES record (tenant_id, id) ON DELETE SET NULL);
INSERT INTO plg_other__t VALUES ('t', 'x', NULL);
INSERT INTO tenant (id, tenant_key, name, kind, base_currency, rounding, created_at)
    VALUES ('t', 't', 'T', 'live', 'EUR', 'half_up', '2026-01-01');
INSERT INTO record (tenant_id, id, record_type, created_at) VALUES ('t', 'r', 'account', '2026-01-01');
INSERT INTO plg_loyalty__ledger VALUES ('t', 1, 'r', 10);
INSERT INTO plg_loyalty__entry VALUES (1, 1);
"""


def add_plugins(file: Path, *more: str) -> None:
    """Make the tables of both plugins, a record with rows that refer to it, and whatever else is asked for."""
    with sqlite3.connect(file) as raw:
        raw.executescript(_SCHEMA)
        for sql in more:
            raw.execute(sql)
    raw.close()


def ask(connection: SqliteConnection, sql: str, rights: PluginRights | None = LOYALTY) -> list[Any]:
    """Run a statement with a plugin's rights in the open transaction, with the text as it is."""
    if not connection.in_transaction:
        connection.begin()
    connection.become(rights)
    return [tuple(row) for row in connection.fetch(Statement(text(sql.replace(":", "\\:"))), {})]


def dump(path: Path, *tables: str) -> list[Any]:
    """Return what a file holds, as somebody sees who opens it."""
    raw = sqlite3.connect(path)
    rows = [(table, *row) for table in tables for row in raw.execute(f"SELECT * FROM {table}")]  # noqa: S608 - own names
    catalog = raw.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    raw.close()
    return [*rows, *catalog]
