"""Deliver committed events to the plugins that listen: at least once, with the event's id as idempotency key.

How an event goes through:

1. *Claim.* A short transaction over all tenants takes due rows with a lease. A relay that dies leaves them to the next.
2. *Plan.* One transaction per tenant and batch: an event nobody listens to is done, with no further row. For any other
   event ``plat.delivery`` gets one row per listening plugin, and ``attempts`` of the outbox row becomes 1, which means
   "planned": an event that is claimed again is never planned again, only what is left of its deliveries is made.
3. *Deliver.* One transaction per event and plugin: the delivery row is deleted, then the hook is called, and both
   commit together. So a plugin's writes in the database happen exactly once, also when a process is killed at any
   point; a second relay that meets the same row waits for the first and then finds nothing to do. What a plugin does
   outside the database can happen again; ``event.id`` is the same then, and that is what to deduplicate by.
4. *Done.* The outbox row is done in the transaction of its last delivery, whether that succeeded or failed.

A failure rolls back that plugin's transaction alone and stays in ``plat.delivery`` with its error. It is tried again
after 1, 2, 4 … seconds up to an hour, and after ten attempts it is parked: people see it and decide. No other plugin
and no other event waits for it, so a plugin receives the events of one record in order except those it failed on
before; ``event.record.version`` tells which of two is newer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from crm_core.actors import system_actor
from crm_core.jobs.repeat import repeat
from crm_core.outbox import statements
from crm_core.outbox.claims import Claim, Retry, claim
from crm_core.outbox.delivery import Delivery, Tally, deliver
from crm_core.outbox.events import Stored, listeners

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar
    from uuid import UUID

    from crm_core.actors import Actor
    from crm_core.db.connection import Connection, Database
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

    T = TypeVar("T")

_TENANTS_AT_ONCE = 4


class RelayRuntime(Protocol):
    """What the relay needs of the process it runs in."""

    @property
    def database(self) -> Database:
        """The database."""
        ...

    @property
    def catalog(self) -> Mapping[str, Entity]:
        """The record types."""
        ...

    async def run(
        self, actor: Actor, function: Callable[[Scope], T], *, write: bool = True, request_id: str | None = None
    ) -> T:
        """Run one operation in a unit of work of the actor's tenant and commit it."""
        ...


@dataclass(frozen=True, slots=True)
class RelayReport:
    """How many events are done, how many deliveries succeeded and failed, and how many of these were parked."""

    events: int = 0
    deliveries: int = 0
    failures: int = 0
    parked: int = 0

    def __add__(self, other: RelayReport) -> RelayReport:
        """Return the sum."""
        return RelayReport(
            self.events + other.events,
            self.deliveries + other.deliveries,
            self.failures + other.failures,
            self.parked + other.parked,
        )


async def deliver_due(runtime: RelayRuntime, *, limit: int = 100) -> RelayReport:
    """Deliver one batch: at most ``limit`` events and ``limit`` deliveries that failed before."""
    taken = await runtime.database.run(lambda connection: claim(connection, limit), tenant_id=None, write=True)
    tally = Tally()
    places = asyncio.Semaphore(_TENANTS_AT_ONCE)

    async def one(tenant_id: UUID) -> None:
        async with places:
            await _deliver_tenant(runtime, taken, tenant_id, tally)

    # One tenant's trouble is not another's; what went wrong is raised after everybody's turn.
    outcomes = await asyncio.gather(*(one(tenant_id) for tenant_id in taken.tenants), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    return RelayReport(tally.events, tally.deliveries, tally.failures, tally.parked)


async def drain(runtime: RelayRuntime, *, limit: int = 100, stop: asyncio.Event | None = None) -> RelayReport:
    """Deliver batch after batch until nothing is due any more."""
    total = RelayReport()
    while stop is None or not stop.is_set():
        report = await deliver_due(runtime, limit=limit)
        if report == RelayReport():
            break
        total += report
    return total


async def relay_forever(runtime: RelayRuntime, stop: asyncio.Event, every: float) -> None:
    """Deliver what is due, look again after ``every`` seconds, until ``stop`` is set; outlives every error."""
    await repeat("delivering events", lambda: drain(runtime, stop=stop), stop, every)


async def _deliver_tenant(runtime: RelayRuntime, taken: Claim, tenant_id: UUID, tally: Tally) -> None:
    ids, retries = taken.events.get(tenant_id, []), taken.retries.get(tenant_id, [])
    actor = system_actor(tenant_id)
    planned = await runtime.run(actor, lambda scope: _plan(scope, ids, tally)) if ids else []
    again = await runtime.run(actor, lambda scope: _again(scope, retries), write=False) if retries else []
    for index, each in enumerate((*planned, *again)):
        # An event that has been begun is finished: its place in the order would be lost.
        if taken.spent and (index >= len(planned) or each.first):
            await _release(runtime, taken, tenant_id, planned[index:])
            return
        await deliver(runtime, each, tally)


def _plan(scope: Scope, ids: list[UUID], tally: Tally) -> list[Delivery]:
    """Decide who receives the events, and return the deliveries to make in the order of events."""
    rows = [Stored(*row) for row in scope.uow.fetch(statements.EVENTS_TO_PLAN, {"ids": ids})]
    plugins: dict[UUID, tuple[str, ...]] = {row.id: listeners(scope.hooks, row) for row in rows if not row.attempts}
    resumed = [row.id for row in rows if row.attempts]
    if resumed:
        left = [tuple(row) for row in scope.uow.fetch(statements.UNDELIVERED, {"ids": resumed})]
        plugins |= {each: tuple(sorted(plugin for event, plugin in left if event == each)) for each in resumed}
    _write_plan(scope, rows, plugins)
    tally.events += sum(1 for row in rows if not plugins[row.id])
    return [
        Delivery(scope.tenant_id, row, row.id, plugin, 0, first=number == 1, last=number == len(plugins[row.id]))
        for row in rows
        for number, plugin in enumerate(plugins[row.id], start=1)
    ]


def _write_plan(scope: Scope, rows: list[Stored], plugins: Mapping[UUID, tuple[str, ...]]) -> None:
    done = [row.id for row in rows if not plugins[row.id]]
    planned = [row.id for row in rows if plugins[row.id] and not row.attempts]
    now = scope.uow.now
    if done:
        scope.uow.execute(statements.DONE, {"ids": done, "now": now})
    if planned:
        scope.uow.execute(statements.PLANNED, {"ids": planned})
        scope.uow.execute_many(
            statements.ADD_DELIVERY,
            [
                {"tenant_id": scope.tenant_id, "outbox_id": each, "plugin": plugin, "attempts": 0, "available_at": now}
                for each in planned
                for plugin in plugins[each]
            ],
        )


def _again(scope: Scope, retries: list[Retry]) -> list[Delivery]:
    ids = list(dict.fromkeys(retry.event_id for retry in retries))
    rows = {row[0]: Stored(*row) for row in scope.uow.fetch(statements.EVENTS, {"ids": ids})}
    return [
        Delivery(scope.tenant_id, rows.get(retry.event_id), retry.event_id, retry.plugin, retry.attempts)
        for retry in retries
    ]


async def _release(runtime: RelayRuntime, taken: Claim, tenant_id: UUID, rest: list[Delivery]) -> None:
    """Give back the events that have not been begun; retries come back when their lease ends."""
    keys = [
        {"key_tenant": tenant_id, "key_id": each, "held": taken.until}
        for each in dict.fromkeys(delivery.event_id for delivery in rest)
    ]

    def give_back(connection: Connection) -> None:
        connection.begin()
        connection.execute_many(statements.RELEASE, keys)
        connection.commit()

    if keys:
        await runtime.database.run(give_back, tenant_id=None, write=True)
