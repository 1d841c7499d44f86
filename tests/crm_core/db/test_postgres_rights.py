"""What a plugin's statements can do on PostgreSQL itself, before and after which nothing of its rights is left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam, func, insert, literal, select, text

from crm_core.db import open_database
from crm_core.db.failures import translated
from crm_core.db.rights import PluginRights
from crm_core.db.statements import Statement
from crm_core.errors import DatabaseError, PermissionDenied, StatementLimit
from crm_core.schema import epoch
from tests.support.app import run
from tests.support.books import BOOK
from tests.support.roles import ADD_BY_HAND, acting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from crm_core.db.connection import Connection
    from tests.crm_core.db.conftest import Place

TENANT, NEIGHBOUR = UUID(int=7), UUID(int=8)
BOOKS = PluginRights("books", "books@1.0.0")
OTHER = PluginRights("other", "other@1.0.0")
ADD = Statement(insert(BOOK), ["tenant_id", "id", "title"])
TITLES = Statement(select(BOOK.c.title).order_by(BOOK.c.title))
EPOCHS = Statement(select(epoch.c.value))
PLACE = Statement(
    select(
        sa.cast(sa.func.current_setting("role"), sa.Text),
        func.current_setting("statement_timeout"),
        func.current_setting("lock_timeout"),
        func.current_setting("search_path"),
    )
)
SLEEP = Statement(select(func.pg_sleep(bindparam("seconds", type_=sa.Float()))))
CORE = ("crm_app", "0", "0", "pg_catalog")
INSIDE = ("crm_plg_books", "2s", "1s", "plg_books, pg_temp")

_OTHER_THINGS = (
    "RESET ROLE",
    "SET ROLE crm_app",
    "COMMIT",
    "NOTIFY x",
    "DO ''",
    "LOCK TABLE plg_books.book",
    "(TABLE x",
)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Callable[[Callable[[Connection], Any]], Any]]:
    """Give what runs functions over the product's own connection."""
    database = await open_database(url, pool_size=1)
    try:
        yield lambda function: database.run(function, tenant_id=TENANT, write=True)
    finally:
        await database.close()


def over(url: str, function: Callable[[Connection], Any]) -> Any:
    """Run a function over the product's own connection, then look that it is as before."""

    async def scenario() -> Any:
        async with opened(url) as operate:
            result = await operate(function)
            assert await operate(place_of) == CORE
            return result

    return run(scenario())


def place_of(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.fetch(PLACE, {})[0])


def add(connection: Connection, number: int, title: str) -> None:
    connection.execute(ADD, {"tenant_id": TENANT, "id": UUID(int=number), "title": title})


def test_tenants_are_apart_in_a_plugin_s_tables(library: Place) -> None:
    def write(connection: Connection) -> list[Any]:
        connection.begin()
        connection.become(BOOKS)
        add(connection, 1, "ours")
        connection.become(None)
        connection.commit()
        connection.begin()
        connection.become(BOOKS)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            connection.execute(ADD, {"tenant_id": NEIGHBOUR, "id": UUID(int=2), "title": "theirs"})
        connection.rollback()
        connection.begin()
        connection.become(BOOKS)
        return [row[0] for row in connection.fetch(TITLES, {})]

    assert over(library.url, write) == ["ours"]

    async def neighbour() -> list[Any]:
        database = await open_database(library.url, pool_size=1)

        def read(connection: Connection) -> list[Any]:
            connection.begin()
            connection.become(BOOKS)
            return connection.fetch(TITLES, {})

        found = await database.run(read, tenant_id=NEIGHBOUR, write=False)
        await database.close()
        return found

    assert run(neighbour()) == []


def test_rights_and_settings_come_and_go(library: Place) -> None:
    def work(connection: Connection) -> None:
        assert place_of(connection) == CORE
        connection.begin()
        connection.savepoint("sp1")
        connection.become(BOOKS)
        assert place_of(connection) == INSIDE
        connection.savepoint("sp2")
        connection.become(None)
        assert place_of(connection) == CORE
        connection.rollback_to("sp2")
        assert (connection.rights, place_of(connection)) == (BOOKS, INSIDE)
        connection.rollback_to("sp1")
        assert (connection.rights, place_of(connection)) == (None, CORE)
        connection.become(BOOKS)
        assert place_of(connection) == INSIDE
        connection.become(None)
        connection.commit()

    over(library.url, work)


def test_after_an_error_a_savepoint_brings_the_core_s_rights_back(library: Place) -> None:
    def work(connection: Connection) -> list[Any]:
        connection.begin()
        connection.savepoint("sp1")
        connection.become(BOOKS)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            connection.fetch(EPOCHS, {})
        connection.rollback_to("sp1")
        assert (connection.rights, place_of(connection)) == (None, CORE)
        found = connection.fetch(EPOCHS, {})
        connection.commit()
        return found

    assert len(over(library.url, work)) == 1


def test_after_a_cancelled_statement_nothing_of_the_rights_is_left(library: Place) -> None:
    async def scenario() -> None:
        async with opened(library.url) as operate:
            begun = asyncio.Event()
            loop = asyncio.get_running_loop()

            def hangs(connection: Connection) -> None:
                connection.begin()
                connection.become(BOOKS)
                connection.fetch(PLACE, {})
                loop.call_soon(begun.set)
                connection.fetch(SLEEP, {"seconds": 60.0})

            task = asyncio.create_task(operate(hangs))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await operate(place_of) == CORE

    run(scenario())


def test_a_plugin_s_statement_costs_three_round_trips(library: Place) -> None:
    heard: list[str] = []

    def work(connection: Connection) -> None:
        driver: Any = connection._driver  # type: ignore[attr-defined]  # noqa: SLF001 - the one that knows
        driver.add_query_logger(lambda record: heard.append(record.query))
        connection.begin()
        connection.savepoint("sp1")
        connection.become(BOOKS)
        add(connection, 1, "one")
        connection.release("sp1")
        connection.become(None)
        connection.commit()

    async def scenario() -> None:
        async with opened(library.url) as operate:
            await operate(work)
            await asyncio.sleep(0)
            assert [query.split()[0] for query in heard] == ["BEGIN;", "INSERT", "RELEASE"]

    run(scenario())


def test_an_operation_that_said_nothing_costs_nothing(library: Place) -> None:
    heard: list[str] = []

    def work(connection: Connection) -> None:
        driver: Any = connection._driver  # type: ignore[attr-defined]  # noqa: SLF001 - the one that knows
        driver.add_query_logger(lambda record: heard.append(record.query))
        for end in (connection.commit, connection.rollback):
            connection.begin()
            connection.savepoint("sp1")
            connection.become(BOOKS)
            connection.rollback_to("sp1")
            assert connection.in_transaction
            end()
            assert not connection.in_transaction

    async def scenario() -> None:
        async with opened(library.url) as operate:
            await operate(work)
            await asyncio.sleep(0)
            assert heard == []

    run(scenario())


_PLANT = """
CREATE FUNCTION plg_books.trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO plat.epoch (scope, value) VALUES ('trap', 1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON plg_books.book DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION plg_books.trap();
"""


def test_a_deferred_trigger_on_a_plugin_s_table_never_has_the_core_s_rights(library: Place) -> None:
    async def plant() -> None:
        connection = await asyncpg.connect(library.superuser_url)
        await connection.execute(_PLANT)
        await connection.close()

    def work(connection: Connection) -> None:
        connection.begin()
        connection.savepoint("sp1")
        connection.become(BOOKS)
        add(connection, 1, "bait")
        connection.release("sp1")
        connection.become(None)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="plat"):
            connection.commit()
        connection.rollback()

    run(plant())
    over(library.url, work)
    scopes = over(library.url, lambda connection: connection.fetch(Statement(select(epoch.c.scope)), {}))
    assert [row[0] for row in scopes] == ["state"]


def test_only_rows_are_a_plugin_s_to_ask_for(library: Place) -> None:
    def work(connection: Connection) -> None:
        connection.begin()
        connection.become(BOOKS)
        for statement in _OTHER_THINGS:
            for ask in (connection.fetch, connection.execute):
                with pytest.raises(PermissionDenied) as caught:
                    ask(Statement(text(statement)), {})
                assert caught.value.message.startswith(f"plugin books@1.0.0 may not run {statement!r}; its statements")
        connection.rollback()

    over(library.url, work)


def test_a_second_statement_behind_a_semicolon_is_refused(library: Place) -> None:
    def work(connection: Connection) -> None:
        connection.begin()
        connection.become(BOOKS)
        with pytest.raises(asyncpg.PostgresSyntaxError, match="multiple commands"):
            connection.execute(Statement(text("DELETE FROM plg_books.book; RESET ROLE")), {})
        connection.rollback()

    over(library.url, work)


def test_the_limits_of_a_statement_are_told_with_what_to_do(library: Place) -> None:
    hasty = PluginRights("books", "books@1.0.0", statement_ms=20, lock_ms=10)
    lock = Statement(select(BOOK.c.title).with_for_update())

    def slow(connection: Connection) -> None:
        connection.begin()
        connection.become(hasty)
        with pytest.raises(StatementLimit) as caught, translated(connection, ()):
            connection.fetch(SLEEP, {"seconds": 60.0})
        assert caught.value.details == {"plugin": "books@1.0.0", "limit_ms": 20}
        assert caught.value.message.startswith(
            "plugin books@1.0.0: a statement ran longer than 20 ms and was stopped; "
        )
        connection.rollback()

    async def waiting() -> None:
        async with opened(library.url) as operate, acting(library.url, "crm_plg_books", TENANT) as holder:
            await holder.execute(ADD_BY_HAND, TENANT, UUID(int=1), "held")
            await holder.execute("BEGIN; UPDATE plg_books.book SET pages = 1")

            def wait(connection: Connection) -> None:
                connection.begin()
                connection.become(hasty)
                with (
                    pytest.raises(StatementLimit, match="waited longer than 10 ms") as caught,
                    translated(connection, ()),
                ):
                    connection.fetch(lock, {})
                assert caught.value.details == {"plugin": "books@1.0.0", "limit_ms": 10}
                connection.rollback()

            await operate(wait)

    over(library.url, slow)
    run(waiting())


def test_a_refusal_names_plugin_object_and_the_supported_way(library: Place) -> None:
    def work(connection: Connection) -> None:
        connection.begin()
        connection.become(OTHER)
        with pytest.raises(PermissionDenied) as caught, translated(connection, ()):
            connection.fetch(TITLES, {})
        assert caught.value.message == (
            "plugin other@1.0.0 may not read plg_books; other plugins' tables are not reachable"
        )
        connection.rollback()

    over(library.url, work)


def test_a_plugin_without_its_role_is_told_about(library: Place) -> None:
    def work(connection: Connection) -> None:
        connection.begin()
        connection.become(PluginRights("stranger", "stranger@1.0.0"))
        with pytest.raises(DatabaseError) as caught, translated(connection, ()):
            connection.fetch(Statement(select(literal(1))), {})
        assert caught.value.message == (
            'plugin stranger@1.0.0: role "crm_plg_stranger" does not exist, which its statements run as;'
            " run crm migrate"
        )
        connection.rollback()

    over(library.url, work)
