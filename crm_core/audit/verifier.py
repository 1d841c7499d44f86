"""Recompute a tenant's hash chain and say exactly where the audit trail is not what was sealed.

Whoever can write to the database can cut off the chain's end together with its events and leave no trace in the
database itself; against that, note ``head`` somewhere else from time to time and compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crm_core.audit import statements
from crm_core.audit.chain import event_id, genesis, link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from crm_core.audit.sealer import AuditRuntime
    from crm_core.db.connection import Connection
    from crm_core.db.statements import Statement

_SEQ, _EVENT_ID, _HASH, _EVENT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """How many events are sealed and waiting, what is wrong (nothing: intact), and the chain's last hash."""

    sealed: int
    pending: int
    problems: tuple[str, ...]
    head: str


@dataclass(slots=True)
class _Walk:
    """Where the verification stands: the last seal seen and the hash that the next one must follow."""

    tenant_id: UUID
    seq: int = 0
    sealed: int = 0
    hash: str = ""
    problems: list[str] = field(default_factory=list)
    full: bool = False

    def report(self, problem: str) -> None:
        if len(self.problems) < statements.FINDINGS:
            self.problems.append(problem)
        elif not self.full:
            self.full = True
            self.problems.append(f"there are more than {statements.FINDINGS} problems; these are the first")


async def verify(runtime: AuditRuntime, tenant_id: UUID) -> VerifyReport:
    """Check every seal of a tenant in pages, then the events that have none."""
    walk = _Walk(tenant_id, hash=genesis(tenant_id))
    while await runtime.database.run(lambda connection: _page(connection, walk), tenant_id=tenant_id, write=False):
        pass
    pending = await runtime.database.run(lambda connection: _rest(connection, walk), tenant_id=tenant_id, write=False)
    return VerifyReport(walk.sealed, pending, tuple(walk.problems), walk.hash)


def _page(connection: Connection, walk: _Walk) -> bool:
    """Check the next page of seals; False at the end of the chain."""
    rows = connection.fetch(statements.SEALED, {"tenant_id": walk.tenant_id, "after": walk.seq})
    hashes = [walk.hash, *(row[_HASH] for row in rows)]
    for row in rows:
        _check(walk, row, rows, hashes)
        walk.seq, walk.hash = row[_SEQ], row[_HASH]
        walk.sealed += 1
    return len(rows) == statements.PAGE


def _check(walk: _Walk, row: Sequence[Any], page: Sequence[Sequence[Any]], hashes: Sequence[str]) -> None:
    seq, sealed_id, stored, event = row[_SEQ], row[_EVENT_ID], row[_HASH], row[_EVENT:]
    gone = event_id(event) is None
    if gone:
        walk.report(f"seal {seq}: its event {sealed_id} is missing from the audit trail")
    if seq != walk.seq + 1:
        # What the missing seal's hash was is unknown, so this seal proves nothing about its event.
        missing = _span(walk.seq + 1, seq - 1)
        walk.report(f"seal {missing} missing: the chain goes on with seal {seq}, event {sealed_id}")
    elif not gone and not walk.full and link(walk.hash, event) != stored:
        walk.report(f"seal {seq}: {_difference(walk, row, page, hashes)}")


def _span(first: int, last: int) -> str:
    return f"{first} is" if first == last else f"{first} to {last} are"


def _difference(walk: _Walk, row: Sequence[Any], page: Sequence[Sequence[Any]], hashes: Sequence[str]) -> str:
    """Tell why a hash does not fit, as far as this page of the chain shows it."""
    there = [other for other in page if event_id(other[_EVENT:]) is not None]
    made_for = next((other[_EVENT_ID] for other in there if link(walk.hash, other[_EVENT:]) == row[_HASH]), None)
    if made_for is not None:
        return f"it was made for event {made_for} and now names {row[_EVENT_ID]}: the order was changed"
    if any(link(previous, row[_EVENT:]) == row[_HASH] for previous in hashes):
        return f"event {row[_EVENT_ID]} is intact but was sealed in another place: the order was changed"
    return f"event {row[_EVENT_ID]} is not what was sealed: the event or its seal was changed"


def _rest(connection: Connection, walk: _Walk) -> int:
    """Check the events outside the chain; returns how many wait for the sealer."""
    for found in _ids(connection, statements.UNSEALED, walk):
        walk.report(f"event {found} is neither sealed nor waiting to be: it was added, or its seal was removed")
    for found in _ids(connection, statements.LOST, walk):
        walk.report(f"event {found} is missing from the audit trail: it was removed before it could be sealed")
    for found in _ids(connection, statements.TWICE, walk):
        walk.report(f"event {found} is sealed and waits to be sealed: remove its row in audit_pending")
    pending = connection.fetch(statements.COUNT_PENDING, {"tenant_id": walk.tenant_id})
    return int(pending[0][0])


def _ids(connection: Connection, statement: Statement, walk: _Walk) -> Iterator[UUID]:
    return (row[0] for row in connection.fetch(statement, {"tenant_id": walk.tenant_id}))
