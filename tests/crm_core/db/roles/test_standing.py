"""What is told about the walls is how they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from crm_core.db.migrate import in_transaction, migrate
from crm_core.db.roles import walls
from tests.support.app import run

if TYPE_CHECKING:
    from crm_core.db.roles import Wall
    from tests.crm_core.db.conftest import Place


def standing(url: str) -> dict[str, Wall]:
    return {wall.name: wall for wall in in_transaction(url, walls, read_only=True)}


def spoil(place: Place, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(place.superuser_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    run(execute())


def test_a_database_as_init_leaves_it(library: Place) -> None:
    found = standing(library.url)
    assert {name for name, wall in found.items() if not wall.standing} == {"login", "languages", "functions"}
    assert found["roles"].sentence == "core and platform belong to crm_owner, the server acts as crm_app"
    assert found["plugin_roles"].sentence.endswith("that can make nothing anywhere (plg_books, plg_other)")
    login = "the login crm_app_test may create roles, inherits the rights of its roles (INHERIT), owns the database, is"
    assert found["login"].sentence.startswith(login)
    assert found["languages"].sentence == "everybody may write in plpgsql, sql; run crm harden as a superuser"
    assert found["functions"].sentence.startswith("everybody may call cursor_to_xml, ")
    assert found["deferred_triggers"].sentence.startswith("PostgreSQL 1")


def test_without_roles_each_missing_wall_says_so(place: Place) -> None:
    with place.elsewhere("nobody") as plain:
        migrate(plain.url)
        found = standing(plain.url)
    missing = {name for name, wall in found.items() if not wall.standing}
    triggers = {"deferred_triggers"} if place.server.state.name == "postgres" else set()
    assert missing == {"roles", "login", "plugin_roles", "languages", "functions", "temporary", *triggers}
    for name in ("roles", "login", "plugin_roles"):
        assert "run crm migrate with a login that may create roles (CREATEROLE)" in found[name].sentence


def test_a_role_that_could_make_something_is_named(library: Place) -> None:
    spoil(library, "GRANT CREATE ON SCHEMA plg_books TO crm_plg_books")
    assert standing(library.url)["plugin_roles"].sentence.startswith("crm_plg_books may create objects")


def test_a_table_that_is_not_kept_apart_is_named(library: Place) -> None:
    spoil(library, "ALTER TABLE plg_books.book NO FORCE ROW LEVEL SECURITY")
    wall = standing(library.url)["row_security"]
    assert not wall.standing
    assert "without row security by tenant: plg_books.book; run crm migrate" in wall.sentence


def test_temporary_tables_of_everybody_are_told(library: Place) -> None:
    spoil(library, f"GRANT TEMPORARY ON DATABASE {library.database} TO PUBLIC")
    assert not standing(library.url)["temporary"].standing


def test_sqlite_has_other_walls(sqlite_url: str) -> None:
    assert in_transaction(sqlite_url, walls, read_only=True) == []
