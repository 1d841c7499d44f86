"""Who owns and reads what after `crm migrate`, with and without the right to make roles."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import sqlalchemy as sa

from crm_core import __version__
from crm_core.db import migrate as migrations
from crm_core.db.migrate import MigrationFailed, current, in_transaction, migrate
from crm_core.db.roles import RoleError, in_use
from crm_core.errors import DatabaseError
from crm_core.plugin_host.install import install
from tests.support.app import run
from tests.support.books import BOOK, as_plugin, books, fill, library

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from tests.crm_core.db.conftest import Place
    from tests.support.plugins import MakePlugin

_OWNERS = """
SELECT DISTINCT n.nspname, pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('core', 'plat')
UNION SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname IN ('core', 'plat')
"""
_ORDERED = sa.select(BOOK.c.title).order_by(BOOK.c.title)
_BOOKS = """
SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'plg_books' AND c.relkind = 'r' ORDER BY 1
"""
_RIGHTS = """
SELECT n.nspname || '.' || c.relname, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) g
WHERE n.nspname IN ('core', 'plat') AND c.relkind = 'r' AND g.grantee = 'crm_app'::regrole GROUP BY 1
"""


def ask(url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def prefix(url: str) -> str | None:
    roles = in_transaction(url, in_use, read_only=True)
    return roles.prefix if roles else None


def test_core_and_platform_belong_to_their_owner_and_serve_the_application(place: Place) -> None:
    assert sorted(ask(place.url, _OWNERS)) == [("core", "crm_owner"), ("plat", "crm_owner")]
    rights = dict(ask(place.url, _RIGHTS))
    assert {rights.pop(name) for name in ("core.alembic_version", "plat.alembic_version")} == {"SELECT"}
    assert {rights.pop(name) for name in ("core.audit_event", "core.audit_seal")} == {"INSERT, SELECT"}
    assert set(rights.values()) == {"DELETE, INSERT, SELECT, UPDATE"}
    assert len(rights) > 40


def test_the_public_can_make_nothing(place: Place) -> None:
    query = "SELECT has_database_privilege('public', current_database(), wanted) FROM unnest($1::text[]) wanted"
    assert ask(place.url, query, ["CREATE", "TEMPORARY"]) == [(False,), (False,)]
    assert ask(place.url, "SELECT has_schema_privilege('public', 'public', 'CREATE')") == [(False,)]


def test_what_later_migrations_make_is_the_application_s_too(place: Place) -> None:
    def later(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE core.later (n integer)")

    in_transaction(place.url, later)
    assert dict(ask(place.url, _RIGHTS))["core.later"] == "DELETE, INSERT, SELECT, UPDATE"
    assert ("core", "crm_owner") in ask(place.url, _OWNERS)


def test_doing_it_again_changes_nothing(place: Place) -> None:
    before = ask(place.url, _RIGHTS), ask(place.url, _OWNERS)
    assert not migrate(place.url).changed
    assert (ask(place.url, _RIGHTS), ask(place.url, _OWNERS)) == before


def test_a_prefix_of_its_own_keeps_two_installations_apart(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "shop")
    with place.elsewhere("shop", "CREATEROLE") as shop:
        migrate(shop.url)
        assert prefix(shop.url) == "shop"
        assert prefix(place.url) == "crm"
        # The database tells: the environment of the server does not matter any more.
        monkeypatch.delenv("CRM_ROLE_PREFIX")
        assert not migrate(shop.url).changed
        assert prefix(shop.url) == "shop"


def test_without_the_right_to_make_roles_everything_works_as_before(place: Place, make_plugin: MakePlugin) -> None:
    async def scenario(url: str) -> None:
        async with library(url, books(make_plugin)) as app:
            await as_plugin(app, fill)
            made = await app.client().post("/accounts", json={"name": "A", "plugins": {"books": {"f_text": "x"}}})
            assert made.json()["plugins"]["books"]["f_text"] == "x"

    with place.elsewhere("nobody") as plain:
        migrate(plain.url)
        assert prefix(plain.url) is None
        run(scenario(plain.url))


def test_plugins_from_before_there_were_roles_get_theirs(
    place: Place, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "late")
    with place.elsewhere("late") as late:
        plugin = books(make_plugin)
        migrate(late.url)
        install(late.url, [plugin], "books", core_version=__version__, actor="tester")
        assert {owner for _, owner in ask(late.url, _BOOKS)} == {late.login}
        place.server.execute(f"ALTER ROLE {late.login} CREATEROLE")
        migrate(late.url)
        assert ask(late.url, _BOOKS) == [
            ("a_chapter", "late_plg_books__owner"),
            ("account_fields", "late_owner"),
            ("alembic_version", "late_owner"),
            ("book", "late_plg_books__owner"),
        ]

        async def scenario() -> list[Any]:
            async with library(late.url, plugin) as app:
                await as_plugin(app, fill)
                titles: list[Any] = await as_plugin(app, lambda ctx: ctx.sql.rows(_ORDERED))
                return titles

        assert [row["title"] for row in run(scenario())] == ["empty", "Ünïcode '"]


def test_a_login_that_is_not_admitted_is_told_by_whom_it_could_be(place: Place) -> None:
    name = place.url.partition("?")[0].rpartition("/")[2]
    place.server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    url = place.url_of(name, "x")

    async def scenario() -> None:
        async with library(url):
            raise AssertionError

    try:
        with pytest.raises(DatabaseError, match=rf"the login {name} may not act as crm_app, .* --login {name}, or let"):
            run(scenario())
        with pytest.raises(RoleError, match=r"this login may not act as crm_owner, .*: GRANT crm_owner, crm_app TO"):
            migrate(url)
    finally:
        place.server.execute(f"DROP ROLE {name}")


def test_a_role_with_rights_of_another_kind_is_not_taken_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "taken")
    place.server.execute("CREATE ROLE taken_owner LOGIN")
    with place.elsewhere("taken", "CREATEROLE") as shop:
        with pytest.raises(RoleError, match="the role taken_owner may log in"):
            migrate(shop.url)
        assert set(current(shop.url).values()) == {None}


def test_databases_that_make_the_same_roles_at_once_do_not_get_in_each_other_s_way(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "crowd")
    # In processes of their own: Alembic keeps the migration that runs in global variables.
    command = [sys.executable, "-c", "import sys; from crm_core.db.migrate import migrate; migrate(sys.argv[1])"]
    with ExitStack() as stack:
        urls = [stack.enter_context(place.elsewhere("crowd", "SUPERUSER")).url for _ in range(3)]
        started = [subprocess.Popen([*command, url]) for url in urls]
        assert [process.wait(timeout=60) for process in started] == [0] * 3
        assert [prefix(url) for url in urls] == ["crowd"] * 3


def test_a_migration_that_waits_for_a_lock_in_vain_tries_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "30ms")
    monkeypatch.setattr(migrations, "_PAUSE", 0.01)
    tries: list[int] = []

    async def held() -> None:
        holder = await asyncpg.connect(place.url)
        await holder.execute("BEGIN; LOCK TABLE core.account IN ACCESS SHARE MODE")

        def change(connection: Connection) -> None:
            tries.append(len(tries))
            if len(tries) == 3:
                asyncio.run_coroutine_threadsafe(holder.execute("ROLLBACK"), loop).result(30)
            connection.exec_driver_sql("ALTER TABLE core.account ADD COLUMN waited integer")

        loop = asyncio.get_running_loop()
        await asyncio.to_thread(in_transaction, place.url, change)
        assert tries == [0, 1, 2]
        await holder.execute("BEGIN; LOCK TABLE core.account IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed, match=r"locked: .*lock timeout.* Nothing was changed in 4 attempts"):
            await asyncio.to_thread(in_transaction, place.url, change)
        assert len(tries) == 7
        await holder.close()

    run(held())
