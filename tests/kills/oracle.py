"""What must be true in the database after any kill, read past everything that the product has in front of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.plugin_host.fingerprint import compare
from crm_core.schema import account, activity, audit_event, audit_pending, delivery, outbox
from tests.kills.operations import Kind, Outcome
from tests.support.all_seeing import all_seeing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from tests.kills.operations import Operation

ECHO = "echo@1.0.0"
ENTRY = sa.table(
    *("entry", sa.column("tenant_id", sa.Uuid), sa.column("request_id"), sa.column("account_id", sa.Uuid)),
    *(sa.column("version"),),
    schema="plg_tally",
)
TOTAL = sa.table(
    *("total", sa.column("tenant_id", sa.Uuid), sa.column("id", sa.Uuid), sa.column("writes")), schema="plg_tally"
)
HEARD = sa.table("heard", sa.column("tenant_id", sa.Uuid), sa.column("id", sa.Uuid), schema="plg_tally")
_ACCOUNT_WRITES: Mapping[Kind, Counter[tuple[str, str, str | None]]] = {
    Kind.CREATE: Counter({("account", "create", None): 1, ("activity", "create", ECHO): 1}),
    Kind.UPDATE: Counter({("account", "update", None): 1, ("activity", "create", ECHO): 1}),
    Kind.SHARED: Counter(
        {("account", "update", None): 1, ("activity", "create", ECHO): 1, ("account", "update", ECHO): 1}
    ),
}
"""What each kind of operation leaves in the audit trail, all of it or nothing: record type, action, plugin."""


@dataclass(slots=True)
class Traces:
    """What the database knows of some operations, by their ids."""

    events: dict[str, list[Any]] = field(default_factory=dict)
    entries: dict[str, list[Any]] = field(default_factory=dict)
    sent: dict[UUID, Any] = field(default_factory=dict)
    rows: dict[UUID, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection, ids: Sequence[str]) -> Traces:
        """Read the traces of these operations."""
        found = cls()
        for event in connection.execute(sa.select(audit_event).where(audit_event.c.request_id.in_(ids))):
            found.events.setdefault(event.request_id, []).append(event)
        for entry in connection.execute(sa.select(ENTRY).where(ENTRY.c.request_id.in_(ids))):
            found.entries.setdefault(entry.request_id, []).append(entry)
        events = [event for several in found.events.values() for event in several]
        wanted = {event.record_id for event in events}
        sent = sa.select(outbox).where(outbox.c.id.in_([event.id for event in events]))
        found.sent = {row.id: row for row in connection.execute(sent)}
        for table in (account, activity):
            found.rows |= {row.id: row for row in connection.execute(sa.select(table).where(table.c.id.in_(wanted)))}
        return found


def misdone(
    url: str, operations: Sequence[Operation], tenants: Mapping[str, UUID], *, database_died: bool
) -> list[str]:
    """Return what is wrong with operations that have ended: half there, not there though accepted, or the reverse."""
    traces = all_seeing(url, lambda connection: Traces.read(connection, [each.id for each in operations]))
    problems = []
    for each in operations:
        outcome = each.outcome(database_died=database_died)
        found = list(_problems(each, outcome, traces, tenants[each.tenant]))
        problems += [f"{problem}: {each.told(None)}" for problem in found]
    return problems


def _problems(operation: Operation, outcome: Outcome, traces: Traces, tenant_id: UUID) -> Iterable[str]:
    events = traces.events.get(operation.id, [])
    entries = traces.entries.get(operation.id, [])
    if not events:
        if entries:
            yield f"{len(entries)} rows of tally without the operation they are of"
        if outcome is Outcome.ACCEPTED:
            yield "accepted and not there"
        return
    if outcome is Outcome.REFUSED:
        yield "refused and there all the same"
    elif outcome is Outcome.UNKNOWN and "nothing was stored" in str(operation.body):
        yield "there, though the answer says that nothing was stored"
    written = Counter((event.record_type, event.action, event.plugin) for event in events)
    if written != _ACCOUNT_WRITES.get(operation.kind):
        yield f"it left {dict(written)}"
    yield from _unmatched(events, entries, traces, tenant_id)
    own = next((event for event in events if event.plugin is None), None)
    if outcome is Outcome.ACCEPTED and own is not None and own.id in traces.sent:
        sent = traces.sent[own.id].payload
        if (sent["id"], sent["version"]) != (operation.body["id"], operation.body["version"]):
            yield f"answered with version {operation.body['version']}, stored as {sent['version']}"


def _unmatched(events: list[Any], entries: list[Any], traces: Traces, tenant_id: UUID) -> Iterable[str]:
    """Compare an operation's audit events with its records, its outbox rows and the rows of tally, one by one."""
    for event in events:
        sent, row = traces.sent.get(event.id), traces.rows.get(event.record_id)
        if sent is None or (sent.record_id, sent.tenant_id) != (event.record_id, event.tenant_id):
            yield f"no outbox row for the event {event.id}"
        elif row is None or row.version < sent.payload["version"]:
            yield f"no {event.record_type} {event.record_id} with version {sent.payload['version']}"
    if {event.tenant_id for event in events} | {entry.tenant_id for entry in entries} != {tenant_id}:
        yield "it wrote in another tenant"
    versions = sorted(
        (str(event.record_id), traces.sent[event.id].payload["version"])
        for event in events
        if event.record_type == "account" and event.id in traces.sent
    )
    if versions != sorted((str(entry.account_id), entry.version) for entry in entries):
        yield f"tally has {len(entries)} rows of it, the outbox {versions}"


def inconsistencies(url: str) -> list[str]:
    """Return what is wrong with the database as a whole: versions, counts, events, fingerprints."""
    return all_seeing(
        url, lambda connection: [*_gaps(connection), *_unequal(connection), *_changed_fingerprints(connection)]
    )


def _gaps(connection: Connection) -> Iterable[str]:
    """Compare the versions of each record that were sent with 1 to the one it has."""
    sent: dict[tuple[UUID, UUID], list[int]] = {}
    events = sa.select(outbox.c.tenant_id, outbox.c.record_id, outbox.c.payload)
    for row in connection.execute(events.where(outbox.c.record_type.in_(["account", "activity"]))):
        sent.setdefault((row.tenant_id, row.record_id), []).append(row.payload["version"])
    for table in (account, activity):
        for row in connection.execute(sa.select(table.c.tenant_id, table.c.id, table.c.version)):
            versions = sorted(sent.pop((row.tenant_id, row.id), []))
            if versions != list(range(1, row.version + 1)):
                yield f"{table.name} {row.id} has version {row.version}, its events {versions}"
    if sent:
        yield f"events of records that are not there: {list(sent)}"


def _unequal(connection: Connection) -> Iterable[str]:
    """Compare the tables that have one row per write, and the sums of tally with what they are the sums of."""
    events = set(connection.execute(sa.select(audit_event.c.id).where(audit_event.c.record_id.is_not(None))).scalars())
    rows = set(connection.execute(sa.select(outbox.c.id)).scalars())
    if events != rows:
        yield f"events without outbox row: {events - rows}; the reverse: {rows - events}"
    of_account = account.c.id == ENTRY.c.account_id, account.c.tenant_id == ENTRY.c.tenant_id
    names = sa.select(ENTRY.c.tenant_id, account.c.name).join_from(ENTRY, account, sa.and_(*of_account))
    counted = Counter((row.tenant_id, uuid.uuid5(uuid.NAMESPACE_OID, row.name)) for row in connection.execute(names))
    totals = Counter({(row.tenant_id, row.id): row.writes for row in connection.execute(sa.select(TOTAL))})
    if counted != totals:
        yield f"totals that are no sums: {(totals - counted) + (counted - totals)}"
    if counted.total() != connection.execute(sa.select(sa.func.count()).select_from(ENTRY)).scalar_one():
        yield "tally has rows of accounts that its tenant does not have"


def _changed_fingerprints(connection: Connection) -> Iterable[str]:
    """Name the parts of the installation that are not as they were after the last step that may change them."""
    for each in compare(connection):
        if each.changed or each.kept is None:
            yield f"the fingerprint of {each.scope} changed: added {each.added}, removed {each.removed}"


def free_claims(url: str) -> None:
    """Give back what killed relays had claimed: they would be delivered when their leases of minutes end."""

    def free(connection: Connection) -> None:
        now = dt.datetime.now(dt.UTC)
        connection.execute(sa.update(outbox).where(outbox.c.done_at.is_(None)).values(claimed_until=None))
        connection.execute(sa.update(delivery).values(claimed_until=None, available_at=now))

    all_seeing(url, free, read_only=False)


def undelivered(url: str) -> list[str]:
    """Return what is left to do or was done twice, once everything has been delivered and sealed."""

    def read(connection: Connection) -> list[str]:
        of_accounts = sa.select(outbox.c.id).where(outbox.c.record_type == "account")
        wanted = Counter(connection.execute(of_accounts.where(outbox.c.tenant_id.in_(_playing()))).scalars())
        heard = Counter(connection.execute(sa.select(HEARD.c.id)).scalars())
        left = connection.execute(sa.select(sa.func.count()).where(outbox.c.done_at.is_(None))).scalar_one()
        unsealed = connection.execute(sa.select(sa.func.count()).select_from(audit_pending)).scalar_one()
        problems = [f"{left} events are not delivered"] if left else []
        problems += [f"{unsealed} events are not sealed"] if unsealed else []
        differing = (heard - wanted) + (wanted - heard)
        return problems + ([f"tally has not heard of every event once: {dict(differing)}"] if differing else [])

    return all_seeing(url, read)


def _playing() -> sa.Select[tuple[UUID]]:
    return sa.select(ENTRY.c.tenant_id).distinct()


def rows_of(url: str, tenant_id: UUID) -> dict[str, list[str]]:
    """Return every row of a tenant, by table."""

    def read(connection: Connection) -> dict[str, list[str]]:
        return {
            table.name: sorted(
                repr(tuple(row)) for row in connection.execute(sa.select(table).where(table.c.tenant_id == tenant_id))
            )
            for table in account.metadata.sorted_tables
            if "tenant_id" in table.c and table is not audit_pending and table.name not in _BEHIND
        } | {"tally": [repr(row) for row in connection.execute(sa.select(ENTRY).where(ENTRY.c.tenant_id == tenant_id))]}

    return all_seeing(url, read)


_BEHIND = frozenset({"audit_seal", "outbox"})
"""What relay and sealer, who work for every tenant, go on changing behind the writers."""
