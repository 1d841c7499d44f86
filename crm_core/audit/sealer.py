"""Append waiting audit events to their tenant's hash chain.

Writers only add a row to ``audit_pending`` and never wait: the chain, which can have one end only, grows behind them.
One sealer at a time works on a tenant (an advisory lock on PostgreSQL, the one writer on SQLite); each batch's seals
and the removal of its pending rows are one transaction, so an event is sealed once or still waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from crm_core.audit import statements
from crm_core.audit.chain import event_id, genesis, link
from crm_core.db.statements import POSTGRES
from crm_core.jobs.repeat import repeat

if TYPE_CHECKING:
    import asyncio
    from uuid import UUID

    from crm_core.db.connection import Connection, Database


class AuditRuntime(Protocol):
    """What sealing and verifying need of the process they run in."""

    @property
    def database(self) -> Database:
        """The database."""
        ...


@dataclass(frozen=True, slots=True)
class SealReport:
    """How many events of how many tenants have been sealed."""

    tenants: int
    events: int


async def seal(runtime: AuditRuntime) -> SealReport:
    """Seal everything that waits; a tenant whose batch fails does not hold up the others, then its error is raised."""
    tenants = events = 0
    failure: Exception | None = None
    for tenant_id in await runtime.database.run(_waiting_tenants, tenant_id=None, write=False):
        try:
            sealed = await _seal_tenant(runtime, tenant_id)
        except Exception as error:  # noqa: BLE001 - raised below, after the other tenants' turn
            failure = failure or error
            continue
        tenants += 1 if sealed else 0
        events += sealed
    if failure is not None:
        raise failure
    return SealReport(tenants, events)


async def seal_forever(runtime: AuditRuntime, stop: asyncio.Event, every: float) -> None:
    """Seal until ``stop`` is set; outlives every error."""
    await repeat("sealing the audit trail", lambda: seal(runtime), stop, every)


async def _seal_tenant(runtime: AuditRuntime, tenant_id: UUID) -> int:
    total = 0
    while True:
        count = await runtime.database.run(
            lambda connection: _seal_batch(connection, tenant_id), tenant_id=tenant_id, write=True
        )
        total += count
        if count < statements.BATCH:
            return total


def _waiting_tenants(connection: Connection) -> list[UUID]:
    return [row[0] for row in connection.fetch(statements.TENANTS, {})]


def _seal_batch(connection: Connection, tenant_id: UUID) -> int:
    connection.begin()
    if connection.dialect is POSTGRES:
        connection.fetch(statements.LOCK, {"lock": f"crm-core audit chain {tenant_id}"})
    head = connection.fetch(statements.HEAD, {"tenant_id": tenant_id})
    seq, previous = head[0] if head else (0, genesis(tenant_id))
    seals = []
    for event in connection.fetch(statements.WAITING, {"tenant_id": tenant_id}):
        seq, previous = seq + 1, link(previous, event)
        seals.append({"tenant_id": tenant_id, "seq": seq, "event_id": event_id(event), "hash": previous})
    if seals:
        connection.execute_many(statements.ADD_SEAL, seals)
        connection.execute(
            statements.TAKE_PENDING, {"tenant_id": tenant_id, "ids": [each["event_id"] for each in seals]}
        )
    connection.commit()
    return len(seals)
