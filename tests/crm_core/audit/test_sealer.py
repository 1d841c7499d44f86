from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.actors import system_actor
from crm_core.audit import SealReport, seal, seal_forever, statements, verify
from crm_core.audit.chain import genesis
from crm_core.db.statements import Statement
from crm_core.identity.tenants import add_tenant
from crm_core.schema import audit_event, audit_pending, audit_seal
from plugin_sdk.ids import new_id
from tests.support.background import World, another_process, world

if TYPE_CHECKING:
    import pytest


def test_waiting_events_are_chained_in_their_order(database_url: str) -> None:
    async def work() -> None:
        async with world(database_url) as here:
            for name in ("one", "two", "three"):
                await here.account(name)
            assert await seal(here.runtime) == SealReport(tenants=1, events=3)
            events = await here.rows(sa.select(audit_event.c.id).order_by(audit_event.c.id))
            seals = await here.rows(sa.select(audit_seal.c.seq, audit_seal.c.event_id).order_by(audit_seal.c.seq))
            assert seals == [(seq, event_id) for seq, (event_id,) in enumerate(events, start=1)]
            assert await here.rows(sa.select(audit_pending.c.event_id)) == []
            assert await seal(here.runtime) == SealReport(tenants=0, events=0)
            await here.account("four")
            assert await seal(here.runtime) == SealReport(tenants=1, events=1)
            report = await verify(here.runtime, here.tenant_id)
            assert (report.sealed, report.pending, report.problems) == (4, 0, ())

    asyncio.run(work())


def test_batches_go_on_where_the_last_one_ended(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "BATCH", 2)
    monkeypatch.setattr(statements, "WAITING", Statement(statements.WAITING.construct.limit(2)))  # type: ignore[attr-defined]
    monkeypatch.setattr(statements, "PAGE", 2)
    monkeypatch.setattr(statements, "SEALED", Statement(statements.SEALED.construct.limit(2)))  # type: ignore[attr-defined]

    async def work() -> None:
        async with world(database_url) as here:
            for number in range(5):
                await here.account(str(number))
            assert await seal(here.runtime) == SealReport(tenants=1, events=5)
            report = await verify(here.runtime, here.tenant_id)
            assert (report.sealed, report.problems) == (5, ())

    asyncio.run(work())


def test_each_tenant_has_a_chain_of_its_own(database_url: str) -> None:
    async def work() -> None:
        async with world(database_url) as here:
            other = World(here.url, here.runtime, new_id())
            await here.runtime.run(system_actor(other.tenant_id), lambda scope: add_tenant(scope, "other", "Other"))
            await here.account("ours")
            await other.account("theirs")
            await other.account("theirs too")
            assert await seal(here.runtime) == SealReport(tenants=2, events=3)
            ours, theirs = [await verify(here.runtime, each.tenant_id) for each in (here, other)]
            assert (ours.sealed, theirs.sealed) == (1, 2)
            assert (ours.problems, theirs.problems) == ((), ())
            assert len({ours.head, theirs.head, genesis(here.tenant_id)}) == 3

    asyncio.run(work())


def test_sealers_and_writers_at_once_make_one_chain(postgres_url: str) -> None:
    async def work() -> None:
        async with world(postgres_url) as here, another_process(here) as other:
            for round_number in range(5):
                await asyncio.gather(
                    seal(here.runtime),
                    seal(other.runtime),
                    *(here.account(f"{round_number} {number}") for number in range(4)),
                )
            await seal(here.runtime)
            report = await verify(here.runtime, here.tenant_id)
            assert (report.sealed, report.pending, report.problems) == (20, 0, ())

    asyncio.run(work())


def test_the_loop_seals_until_it_is_stopped(database_url: str) -> None:
    async def work() -> None:
        async with world(database_url) as here:
            await here.account("one")
            stop = asyncio.Event()
            loop = asyncio.create_task(seal_forever(here.runtime, stop, 0.001))
            while not await here.rows(sa.select(audit_seal.c.seq)):
                assert not loop.done()
            stop.set()
            await asyncio.wait_for(loop, 20)
            assert (await verify(here.runtime, here.tenant_id)).sealed == 1

    asyncio.run(work())
