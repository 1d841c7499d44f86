"""What a plugin's role can reach in the database, and what the database itself refuses it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from tests.support.app import run
from tests.support.roles import ADD_BY_HAND, acting

if TYPE_CHECKING:
    from tests.crm_core.db.conftest import Place

TENANT = UUID(int=7)
REFUSED = (
    "INSERT INTO core.tenant (id) VALUES (gen_random_uuid())",
    "UPDATE core.account SET name = 'x'",
    "DELETE FROM core.record",
    "TRUNCATE core.account",
    "SELECT * FROM core.account",
    "SELECT * FROM core.record FOR KEY SHARE",
    "LOCK TABLE core.account IN ROW SHARE MODE",
    "LOCK TABLE core.account IN ACCESS SHARE MODE",
    "INSERT INTO plat.epoch (scope, value) VALUES ('mine', 1)",
    "UPDATE plat.plugin SET state = 'loaded'",
    "ALTER TABLE core.account ADD COLUMN x text",
    "CREATE TABLE core.mine (n integer)",
    "CREATE TABLE public.mine (n integer)",
    "CREATE TABLE plg_books.mine (n integer)",
    "CREATE TEMP TABLE mine (n integer)",
    "CREATE SCHEMA mine",
    "CREATE INDEX ON core.account (name)",
    "CREATE TRIGGER t AFTER INSERT ON core.account EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE TRIGGER t AFTER INSERT ON plg_books.book EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE r AS ON INSERT TO core.account DO INSTEAD NOTHING",
    "CREATE POLICY p ON core.account USING (true)",
    "ALTER TABLE plg_books.book DISABLE ROW LEVEL SECURITY",
    "CREATE VIEW plg_books.v AS SELECT 1",
    "CREATE FUNCTION plg_books.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE plg_books.child () INHERITS (core.account)",
    "DROP TABLE core.tagging",
    "DROP SCHEMA plg_books CASCADE",
    "GRANT SELECT ON core.account TO PUBLIC",
    "COMMENT ON TABLE core.account IS 'x'",
    "SET session_replication_role = replica",
    "CREATE ROLE mine",
    "UPDATE plg_books.account_fields SET f_text = 'x'",
    "DELETE FROM plg_books.account_fields",
    "UPDATE plg_books.alembic_version SET version_num = 'x'",
    "SELECT * FROM pg_authid",
    "COPY plg_books.book TO PROGRAM 'true'",
)


def test_the_database_itself_refuses(library: Place) -> None:
    async def scenario() -> dict[str, str]:
        done = {}
        async with acting(library.url, "crm_plg_books", TENANT) as connection:
            for statement in REFUSED:
                await connection.execute("BEGIN")
                with suppress(asyncpg.InsufficientPrivilegeError):
                    done[statement] = await connection.execute(statement)
                await connection.execute("ROLLBACK")
        return done

    assert run(scenario()) == {}


def test_a_plugin_uses_its_own_tables_and_reads_its_own_fields(library: Place) -> None:
    async def scenario() -> None:
        async with acting(library.url, "crm_plg_books", TENANT) as connection:
            await connection.execute(ADD_BY_HAND, TENANT, UUID(int=1), "mine")
            assert await connection.fetchval("SELECT title FROM plg_books.book") == "mine"
            assert await connection.fetch("SELECT * FROM plg_books.account_fields") == []
            assert await connection.execute("UPDATE plg_books.book SET pages = 1") == "UPDATE 1"
            assert await connection.execute("DELETE FROM plg_books.book") == "DELETE 1"

    run(scenario())


def test_another_plugin_s_tables_and_the_core_s_rights_are_out_of_reach(library: Place) -> None:
    async def scenario() -> None:
        async with acting(library.url, "crm_plg_other", TENANT) as connection:
            for query in ("SELECT * FROM plg_books.book", "SELECT * FROM plg_books.account_fields"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema plg_books"):
                    await connection.fetch(query)
        async with acting(library.url, "crm_app", TENANT) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="table book"):
                await connection.fetch("SELECT * FROM plg_books.book")
            assert await connection.fetch("SELECT * FROM plg_books.account_fields") == []

    run(scenario())
