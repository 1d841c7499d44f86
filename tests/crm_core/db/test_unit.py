"""The unit of work on real connections of both databases."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import bindparam, insert, select, text, update

from crm_core.actors import system_actor
from crm_core.db import open_database
from crm_core.db.rights import PluginRights
from crm_core.db.statements import SQLITE, Statement
from crm_core.db.unit import RecordWrite, UnitOfWork, Write
from crm_core.errors import Conflict, CoreTransactionLost, DatabaseError, Duplicate, InvalidInput, ReferenceNotFound
from crm_core.schema import record, tenant
from tests.support.app import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.db.connection import Connection

TENANT = UUID(int=77)
ADD_TENANT = Statement(
    insert(tenant),
    ["id", "tenant_key", "name", "kind", "base_currency", "rounding", "created_at"],
)
ADD = Statement(insert(record), ["tenant_id", "id", "record_type", "created_at"])
COUNT = Statement(
    select(record.c.id).where(record.c.tenant_id == bindparam("tenant_id", type_=record.c.tenant_id.type))
)
RENAME = Statement(
    update(record).where(
        record.c.tenant_id == bindparam("key_tenant", type_=record.c.tenant_id.type),
        record.c.id == bindparam("key_id", type_=record.c.id.type),
    ),
    ["record_type"],
)


def perform(url: str, *functions: Callable[[UnitOfWork], Any]) -> list[Any]:
    """Run functions one after another, each in a unit of work that is not committed for them."""

    async def scenario() -> list[Any]:
        database = await open_database(url, pool_size=4)
        results = []
        try:
            for function in (add_tenant, *functions):

                def operate(connection: Connection, function: Callable[[UnitOfWork], Any] = function) -> Any:
                    return function(UnitOfWork(connection, system_actor(TENANT), "request"))

                results.append(await database.run(operate, tenant_id=TENANT, write=True))
        finally:
            await database.close()
        return results[1:]

    return run(scenario())


def add_tenant(uow: UnitOfWork) -> None:
    row = {"id": TENANT, "tenant_key": "t", "name": "T", "kind": "live", "base_currency": "EUR", "rounding": "half_up"}
    uow.execute(ADD_TENANT, {**row, "created_at": uow.now})
    uow.commit()


def anchor(uow: UnitOfWork, record_id: UUID | None = None) -> Write:
    values = {"tenant_id": TENANT, "id": record_id or uuid4(), "record_type": "account", "created_at": uow.now}
    return Write(ADD, values)


def count(uow: UnitOfWork) -> int:
    return len(uow.fetch(COUNT, {}))


def test_one_staged_record_needs_no_transaction_and_is_there_after_the_commit(database_url: str) -> None:
    def write(uow: UnitOfWork) -> bool:
        uow.stage(RecordWrite([anchor(uow), anchor(uow)]))
        opened = uow.connection.in_transaction
        uow.commit()
        return opened

    assert perform(database_url, write, count) == [False, 2]


def test_a_read_sees_what_was_staged_and_a_rollback_drops_it(database_url: str) -> None:
    def write(uow: UnitOfWork) -> tuple[int, bool]:
        uow.stage(RecordWrite([anchor(uow)]))
        seen = count(uow)
        opened = uow.connection.in_transaction
        uow.rollback()
        return seen, opened

    assert perform(database_url, write, count) == [(1, True), 0]


def test_what_is_not_committed_is_dropped_with_the_operation(database_url: str) -> None:
    def forget(uow: UnitOfWork) -> None:
        uow.stage(RecordWrite([anchor(uow)]))
        uow.flush()

    assert perform(database_url, forget, count) == [None, 0]


@pytest.mark.parametrize("within", [False, True], ids=["autocommit", "in a transaction"])
def test_a_stale_guard_keeps_nothing_and_raises_its_error(database_url: str, within: bool) -> None:  # noqa: FBT001 - a parameter
    def write(uow: UnitOfWork) -> str:
        if within:
            uow.begin()
        nobody = {"key_tenant": TENANT, "key_id": uuid4(), "record_type": "x", "tenant_id": TENANT}
        writes = [Write(RENAME, nobody), anchor(uow)]
        uow.stage(RecordWrite(writes, on_stale=lambda: Conflict("gone")))
        with pytest.raises(Conflict):
            uow.commit()
        usable = count(uow)
        uow.rollback()
        return f"usable {usable}"

    assert perform(database_url, write, count) == ["usable 0", 0]


def test_an_attempt_that_fails_drops_its_own_writes_only(database_url: str) -> None:
    def write(uow: UnitOfWork) -> None:
        uow.stage(RecordWrite([anchor(uow)]))

        def fails() -> None:
            uow.stage(RecordWrite([anchor(uow)]))
            uow.flush()
            message = "no"
            raise InvalidInput(message)

        with pytest.raises(InvalidInput):
            uow.attempt(fails)
        uow.attempt(lambda: uow.stage(RecordWrite([anchor(uow)])))
        uow.commit()

    assert perform(database_url, write, count)[1] == 2


def test_constraint_violations_name_table_and_columns_alike(database_url: str) -> None:
    same = uuid4()

    def twice(uow: UnitOfWork) -> tuple[str, Any]:
        uow.stage(RecordWrite([anchor(uow, same)]))
        uow.stage(RecordWrite([anchor(uow, same)]))
        with pytest.raises(Duplicate) as caught:
            uow.commit()
        uow.rollback()
        return caught.value.message, caught.value.details["fields"]

    def nowhere(uow: UnitOfWork) -> Any:
        values = {"tenant_id": UUID(int=5), "id": uuid4(), "record_type": "account", "created_at": uow.now}
        uow.stage(RecordWrite([Write(ADD, values)]))
        with pytest.raises((ReferenceNotFound, DatabaseError)) as caught:
            uow.commit()
        uow.rollback()
        return type(caught.value).__name__

    message, fields = perform(database_url, twice)[0]
    assert message == "record: this id is already taken; use another, or change the record that has it"
    assert fields == ["id"]
    # PostgreSQL's row security refuses another tenant's row before the reference is looked at.
    assert perform_other(database_url, nowhere) in {"ReferenceNotFound", "DatabaseError"}


def perform_other(url: str, function: Callable[[UnitOfWork], Any]) -> Any:
    async def scenario() -> Any:
        database = await open_database(url, pool_size=2)
        try:
            return await database.run(
                lambda connection: function(UnitOfWork(connection, system_actor(TENANT), "request")),
                tenant_id=TENANT,
                write=True,
            )
        finally:
            await database.close()

    return run(scenario())


def test_commit_callbacks_run_once_and_only_after_a_commit(database_url: str) -> None:
    told: list[str] = []

    def write(uow: UnitOfWork) -> None:
        uow.on_commit(lambda: told.append("dropped"))
        uow.rollback()
        uow.on_commit(lambda: told.append("kept"))
        uow.stage(RecordWrite([anchor(uow)]))
        uow.commit()
        uow.commit()

    perform(database_url, write)
    assert told == ["kept"]


def test_writers_at_once_all_get_through(database_url: str) -> None:
    async def scenario() -> int:
        database = await open_database(database_url, pool_size=4)

        def operate(connection: Connection) -> None:
            uow = UnitOfWork(connection, system_actor(TENANT), "request")
            uow.stage(RecordWrite([anchor(uow)]))
            uow.commit()

        def look(connection: Connection) -> int:
            return count(UnitOfWork(connection, system_actor(TENANT), "request"))

        try:
            await database.run(
                lambda connection: add_tenant(UnitOfWork(connection, system_actor(TENANT), "request")),
                tenant_id=TENANT,
                write=True,
            )
            await asyncio.gather(*(database.run(operate, tenant_id=TENANT, write=True) for _ in range(40)))
            return await database.run(look, tenant_id=TENANT, write=False)
        finally:
            await database.close()

    assert run(scenario()) == 40


def test_postgresql_shows_a_tenant_nothing_of_another(postgres_url: str) -> None:
    async def scenario() -> list[int]:
        database = await open_database(postgres_url, pool_size=1)
        everything = Statement(select(record.c.id))

        def add(connection: Connection) -> None:
            uow = UnitOfWork(connection, system_actor(TENANT), "request")
            add_tenant(uow)
            uow.stage(RecordWrite([anchor(uow)]))
            uow.commit()

        try:
            await database.run(add, tenant_id=TENANT, write=True)
            return [
                len(
                    await database.run(lambda connection: connection.fetch(everything, {}), tenant_id=each, write=False)
                )
                for each in (TENANT, UUID(int=78), None, TENANT)
            ]
        finally:
            await database.close()

    assert run(scenario()) == [1, 0, 0, 1]


_FILL = Statement(
    text("INSERT INTO plg_slow.t (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
)


def lose(uow: UnitOfWork) -> None:
    """Lose the transaction in the midst of an operation that has written something."""
    uow.stage(RecordWrite([anchor(uow)]))
    uow.flush()
    connection: Any = uow.connection
    if connection.dialect is SQLITE:
        connection._driver.execute("ROLLBACK")  # noqa: SLF001 - what an interrupted write does
    else:
        with pytest.raises(DatabaseError):
            uow.fetch(Statement(text("SELECT * FROM core.nothing")), {})


def test_nothing_is_done_with_a_lost_transaction(database_url: str) -> None:
    def go_on(uow: UnitOfWork) -> list[str]:
        lose(uow)
        told = []
        for action in (
            lambda: uow.fetch(COUNT, {}),
            lambda: uow.execute(ADD, anchor(uow).values),
            lambda: uow.execute_many(ADD, [anchor(uow).values]),
            lambda: uow.attempt(lambda: None),
            lambda: uow.for_core,
            uow.commit,
            lambda: uow.require_alive("loyalty@1.0.0", "record_validate"),
        ):
            with pytest.raises(CoreTransactionLost) as caught:
                action()
            told.append(caught.value.message)
        uow.rollback()
        return told

    *core, named = perform(database_url, go_on)[0]
    assert set(core) == {
        "the transaction ended while the core ran in a service; nothing of the operation was kept, send it again"
    }
    assert named == (
        "the transaction ended while loyalty@1.0.0 ran in record_validate;"
        " nothing of the operation was kept, send it again"
    )


def test_a_swallowed_loss_ends_the_operation_at_its_commit(database_url: str) -> None:
    told: list[str] = []

    def swallow(uow: UnitOfWork) -> None:
        uow.on_commit(lambda: told.append("kept"))
        lose(uow)
        uow.stage(RecordWrite([anchor(uow)]))  # alone it would need no transaction
        with pytest.raises(CoreTransactionLost):
            uow.commit()
        uow.rollback()

    assert perform(database_url, swallow, count) == [None, 0]
    assert told == []


def test_a_loss_inside_an_attempt_is_a_loss_outside(database_url: str) -> None:
    def inside(uow: UnitOfWork) -> str:
        def fails() -> None:
            lose(uow)
            uow.require_alive("loyalty@1.0.0", "record_validate")

        uow.stage(RecordWrite([anchor(uow)]))
        with pytest.raises(CoreTransactionLost):
            uow.attempt(fails)
        with pytest.raises(CoreTransactionLost):
            uow.commit()
        uow.rollback()
        return "lost"

    assert perform(database_url, inside, count) == ["lost", 0]


def test_an_interrupted_write_loses_the_operation_and_says_why(sqlite_url: str) -> None:
    def write(uow: UnitOfWork) -> str:
        uow.stage(RecordWrite([anchor(uow)]))
        hasty = PluginRights("slow", "slow@1.0.0", statement_ms=1)
        with pytest.raises(CoreTransactionLost) as caught:
            uow.attempt(lambda: uow.execute(_FILL, {}, hasty))
        uow.rollback()
        return caught.value.message

    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as raw:
        raw.execute("CREATE TABLE plg_slow__t (id INTEGER PRIMARY KEY)")
    raw.close()
    message, there = perform(sqlite_url, write, count)
    assert message == (
        "the transaction ended while slow@1.0.0 ran in a statement: plugin slow@1.0.0: a statement ran longer than"
        " 1 ms and was stopped; read fewer rows at once, add an index in a migration, or do the work in a job;"
        " nothing of the operation was kept, send it again"
    )
    assert there == 0
