"""A cancelled operation must leave nothing behind on the connection that the next one gets."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from sqlalchemy import func, select

from crm_core.db import open_database
from crm_core.db.statements import Statement
from tests.support.app import run

if TYPE_CHECKING:
    from crm_core.db.connection import Connection

TENANT = UUID(int=7)
SLEEP = Statement(select(func.pg_sleep(60)))
STATE = Statement(select(func.pg_current_xact_id_if_assigned()))


def test_a_cancelled_statement_ends_its_transaction(postgres_url: str) -> None:
    async def scenario() -> None:
        database = await open_database(postgres_url, pool_size=1)
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hangs(connection: Connection) -> None:
            connection.begin()
            loop.call_soon(begun.set)
            connection.fetch(SLEEP, {})

        task = asyncio.create_task(database.run(hangs, tenant_id=TENANT, write=True))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        def look(connection: Connection) -> bool:
            inside: bool = connection._driver.is_in_transaction()  # type: ignore[attr-defined]  # noqa: SLF001 - the truth
            return inside

        assert not await database.run(look, tenant_id=TENANT, write=False)
        await database.close()

    run(scenario())


def test_a_connection_is_kept_until_the_worker_thread_of_a_cancelled_operation_ends(postgres_url: str) -> None:
    async def scenario() -> None:
        database = await open_database(postgres_url, pool_size=1)
        loop = asyncio.get_running_loop()
        working, go_on = asyncio.Event(), threading.Event()
        order: list[str] = []

        def works(connection: Connection) -> None:
            def in_thread() -> None:
                loop.call_soon_threadsafe(working.set)
                go_on.wait(30)
                connection.fetch(STATE, {})
                order.append("thread")

            connection.call_in_thread(in_thread)

        task = asyncio.create_task(database.run(works, tenant_id=TENANT, write=True))
        await working.wait()
        task.cancel()
        following = asyncio.create_task(database.run(lambda _: order.append("next"), tenant_id=UUID(int=8), write=True))
        done, _ = await asyncio.wait([following], timeout=0.2)
        assert not done
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await following
        assert order == ["thread", "next"]
        await database.close()

    run(scenario())
