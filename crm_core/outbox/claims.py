"""Which work one relay takes: leases on outbox rows and on deliveries to be tried again, over all tenants."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.db.statements import POSTGRES
from crm_core.outbox import statements

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.db.connection import Connection

LEASE = dt.timedelta(minutes=2)


class Retry(NamedTuple):
    """One delivery that has failed before."""

    tenant_id: UUID
    event_id: UUID
    plugin: str
    attempts: int


class Claim(NamedTuple):
    """What one relay works on until its lease ends."""

    events: dict[UUID, list[UUID]]
    retries: dict[UUID, list[Retry]]
    until: dt.datetime

    @property
    def spent(self) -> bool:
        """Whether half the lease is over: what has not been begun is left to the next claim then."""
        return dt.datetime.now(dt.UTC) > self.until - LEASE / 2

    @property
    def tenants(self) -> tuple[UUID, ...]:
        """The tenants concerned."""
        return tuple(dict.fromkeys((*self.events, *self.retries)))


def claim(connection: Connection, limit: int) -> Claim:
    """Take the oldest due events and due retries, at most ``limit`` of each, in one short transaction.

    An event is left alone while another relay works on an earlier one of the same record, so that a plugin receives
    the events of a record in their order even with many relays.
    """
    now = dt.datetime.now(dt.UTC)
    taken = Claim({}, {}, now + LEASE)
    connection.begin()
    if connection.dialect is POSTGRES:
        connection.fetch(statements.LOCK, {"lock": "crm-core outbox claim"})
    for tenant_id, event_id in _due_events(connection, now, limit):
        taken.events.setdefault(tenant_id, []).append(event_id)
    retries = [Retry(*row) for row in connection.fetch(statements.DUE_AGAIN, {"now": now, "rows": limit})]
    for retry in retries:
        taken.retries.setdefault(retry.tenant_id, []).append(retry)
    _mark(connection, taken)
    connection.commit()
    return taken


def _due_events(connection: Connection, now: dt.datetime, limit: int) -> list[tuple[UUID, UUID]]:
    rows = connection.fetch(statements.DUE, {"now": now, "rows": limit})
    if not rows:
        return []
    others = {tuple(row) for row in connection.fetch(statements.IN_FLIGHT, {"now": now, "newest": rows[-1][3]})}
    return [(row[0], row[1]) for row in rows if row[2] is None or (row[0], row[2]) not in others]


def _mark(connection: Connection, taken: Claim) -> None:
    events: list[dict[str, Any]] = [
        {"key_tenant": tenant_id, "key_id": event_id, "lease": taken.until}
        for tenant_id, ids in taken.events.items()
        for event_id in ids
    ]
    if events:
        connection.execute_many(statements.CLAIM, events)
    retries = [
        {"key_tenant": each.tenant_id, "key_id": each.event_id, "key_plugin": each.plugin, "lease": taken.until}
        for tenant in taken.retries.values()
        for each in tenant
    ]
    if retries:
        connection.execute_many(statements.CLAIM_AGAIN, retries)
