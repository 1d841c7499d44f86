from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.audit import VerifyReport, seal, verify
from crm_core.schema import audit_event, audit_pending, audit_seal
from plugin_sdk.ids import new_id
from tests.support.background import World, world

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

_SEAL, _EVENT = audit_seal.c, audit_event.c


def _tampered(url: str, tamper: Callable[[World, list[UUID]], Awaitable[None]]) -> tuple[list[UUID], VerifyReport]:
    """Seal five events, let somebody tamper with the database, and verify."""

    async def work() -> tuple[list[UUID], VerifyReport]:
        async with world(url) as here:
            for name in ("one", "two", "three", "four", "five"):
                await here.account(name)
            await seal(here.runtime)
            events = [row[0] for row in await here.rows(sa.select(_EVENT.id).order_by(_EVENT.id))]
            intact = await verify(here.runtime, here.tenant_id)
            assert (intact.sealed, intact.pending, intact.problems) == (5, 0, ())
            await tamper(here, events)
            return events, await verify(here.runtime, here.tenant_id)

    return asyncio.run(work())


def test_a_changed_event_is_named(database_url: str) -> None:
    async def tamper(here: World, events: list[UUID]) -> None:
        diff = {"name": [None, "three hundred"]}
        await here.execute(sa.update(audit_event).where(_EVENT.id == events[2]).values(diff=diff))

    events, report = _tampered(database_url, tamper)
    assert report.problems == (f"seal 3: event {events[2]} is not what was sealed: the event or its seal was changed",)
    assert report.sealed == 5


def test_a_time_changed_by_a_microsecond_is_named(database_url: str) -> None:
    async def tamper(here: World, events: list[UUID]) -> None:
        [(at,)] = await here.rows(sa.select(_EVENT.at).where(_EVENT.id == events[0]))
        moved = at + dt.timedelta(microseconds=1)
        await here.execute(sa.update(audit_event).where(_EVENT.id == events[0]).values(at=moved))

    events, report = _tampered(database_url, tamper)
    assert report.problems == (f"seal 1: event {events[0]} is not what was sealed: the event or its seal was changed",)


def test_a_deleted_event_is_named(database_url: str) -> None:
    async def tamper(here: World, events: list[UUID]) -> None:
        await here.execute(sa.delete(audit_event).where(_EVENT.id == events[1]))

    events, report = _tampered(database_url, tamper)
    assert report.problems == (f"seal 2: its event {events[1]} is missing from the audit trail",)


def test_a_deleted_seal_is_named_with_the_event_it_sealed(database_url: str) -> None:
    async def tamper(here: World, _events: list[UUID]) -> None:
        await here.execute(sa.delete(audit_seal).where(_SEAL.seq == 3))

    events, report = _tampered(database_url, tamper)
    assert report.problems == (
        f"seal 3 is missing: the chain goes on with seal 4, event {events[3]}",
        f"event {events[2]} is neither sealed nor waiting to be: it was added, or its seal was removed",
    )
    assert report.sealed == 4


def test_a_gap_is_named_as_one(database_url: str) -> None:
    async def tamper(here: World, events: list[UUID]) -> None:
        await here.execute(sa.delete(audit_seal).where(_SEAL.seq < 3))
        await here.execute(sa.delete(audit_event).where(_EVENT.id.in_(events[:2])))

    events, report = _tampered(database_url, tamper)
    assert report.problems == (f"seal 1 to 2 are missing: the chain goes on with seal 3, event {events[2]}",)


def test_exchanged_events_are_named(database_url: str) -> None:
    async def tamper(here: World, events: list[UUID]) -> None:
        for seq, event_id in ((2, new_id()), (3, events[1]), (2, events[2])):
            await here.execute(sa.update(audit_seal).where(_SEAL.seq == seq).values(event_id=event_id))

    events, report = _tampered(database_url, tamper)
    assert report.problems == (
        f"seal 2: it was made for event {events[1]} and now names {events[2]}: the order was changed",
        f"seal 3: it was made for event {events[2]} and now names {events[1]}: the order was changed",
    )


def test_exchanged_seals_are_named(database_url: str) -> None:
    async def tamper(here: World, _events: list[UUID]) -> None:
        for before, after in ((2, 900), (3, 2), (900, 3)):
            await here.execute(sa.update(audit_seal).where(_SEAL.seq == before).values(seq=after))

    events, report = _tampered(database_url, tamper)
    moved = "is intact but was sealed in another place: the order was changed"
    assert report.problems == (
        f"seal 2: event {events[2]} {moved}",
        f"seal 3: event {events[1]} {moved}",
        f"seal 4: event {events[3]} {moved}",
    )


def test_an_event_added_behind_the_core_is_named(database_url: str) -> None:
    added = new_id()

    async def tamper(here: World, _events: list[UUID]) -> None:
        row: dict[str, Any] = {"tenant_id": here.tenant_id, "id": added, "at": dt.datetime.now(dt.UTC)}
        await here.execute(sa.insert(audit_event).values(**row, action="update"))

    _, report = _tampered(database_url, tamper)
    assert report.problems == (
        f"event {added} is neither sealed nor waiting to be: it was added, or its seal was removed",
    )


def test_an_event_removed_before_its_seal_is_named_and_does_not_stop_the_chain(database_url: str) -> None:
    lost: list[UUID] = []

    async def tamper(here: World, _events: list[UUID]) -> None:
        account_id = await here.account("six")
        await here.account("seven")
        [(event_id,)] = await here.rows(sa.select(_EVENT.id).where(_EVENT.record_id == account_id))
        lost.append(event_id)
        await here.execute(sa.delete(audit_event).where(_EVENT.id == event_id))
        await seal(here.runtime)

    _, report = _tampered(database_url, tamper)
    assert report.problems == (
        f"event {lost[0]} is missing from the audit trail: it was removed before it could be sealed",
    )
    assert (report.sealed, report.pending) == (6, 1)


def test_a_sealed_event_put_among_the_waiting_is_named_and_does_not_stop_the_chain(database_url: str) -> None:
    async def tamper(here: World, events: list[UUID]) -> None:
        row = {"tenant_id": here.tenant_id, "event_id": events[0]}
        await here.execute(sa.insert(audit_pending).values(**row))
        await here.account("six")
        await seal(here.runtime)

    events, report = _tampered(database_url, tamper)
    assert report.problems == (f"event {events[0]} is sealed and waits to be sealed: remove its row in audit_pending",)
    assert report.sealed == 6


def test_waiting_events_are_counted_and_no_problem(database_url: str) -> None:
    async def tamper(here: World, _events: list[UUID]) -> None:
        await here.account("six")

    _, report = _tampered(database_url, tamper)
    assert (report.sealed, report.pending, report.problems) == (5, 1, ())


def test_many_problems_are_cut_off_with_a_word(sqlite_url: str) -> None:
    async def work() -> None:
        async with world(sqlite_url) as here:
            for number in range(101):
                await here.account(str(number))
            await seal(here.runtime)
            await here.execute(sa.update(audit_event).values(action="changed"))
            report = await verify(here.runtime, here.tenant_id)
            assert len(report.problems) == 101
            assert report.problems[-1] == "there are more than 100 problems; these are the first"

    asyncio.run(work())
