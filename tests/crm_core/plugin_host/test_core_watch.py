from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from crm_core.db.migrate import in_transaction
from crm_core.errors import PluginError
from crm_core.plugin_host.catalogs import catalogs
from crm_core.plugin_host.core_watch import unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

_TABLES = ("CREATE TABLE plg_loyalty__t (id INTEGER PRIMARY KEY)", "CREATE TABLE plg_other__t (id INTEGER PRIMARY KEY)")


def _migrated(connection: Connection, *statements: str) -> None:
    with unchanged(connection, "loyalty", "loyalty@1.0.0"):
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def with_tables(sqlite_url: str) -> str:
    in_transaction(sqlite_url, lambda connection: [connection.exec_driver_sql(sql) for sql in _TABLES])
    return sqlite_url


def _catalogs(url: str) -> Mapping[str, frozenset[str]]:
    return in_transaction(url, catalogs, read_only=True)


@pytest.mark.parametrize("name", ["account_copy", "plat_copy", "plg_other__copy"])
def test_a_table_renamed_into_somebody_else_s_namespace_is_found_out(with_tables: str, name: str) -> None:
    # SQLite's authorizer is told which table is renamed, never to what: the statement itself passes it.
    rename = f"ALTER TABLE plg_loyalty__t RENAME TO {name}"
    before = _catalogs(with_tables)
    with pytest.raises(PluginError, match=r"^loyalty@1\.0\.0: its migration changes what is not its own .*copy"):
        in_transaction(with_tables, lambda connection: _migrated(connection, rename))
    assert _catalogs(with_tables) == before


def test_a_table_renamed_inside_its_namespace_is_its_own_business(with_tables: str) -> None:
    in_transaction(
        with_tables, lambda connection: _migrated(connection, "ALTER TABLE plg_loyalty__t RENAME TO plg_loyalty__u")
    )
    names = in_transaction(with_tables, lambda connection: sa.inspect(connection).get_table_names("plg_loyalty"))
    assert names == ["u"]
