"""What every write leaves behind: its audit event and its outbox row, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.db.unit import Write
from crm_core.records.statements import INSERT_AUDIT, INSERT_OUTBOX, INSERT_PENDING
from plugin_sdk.ids import id_time, new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.db.unit import UnitOfWork

_PAST = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "restore": "restored",
    "merge": "merged",
    "convert": "converted",
    "enter_stage": "stage_entered",
}


def traces(
    uow: UnitOfWork,
    action: str,
    record_type: str,
    record: Mapping[str, Any],
    diff: Mapping[str, Any],
) -> list[Write]:
    """Return the audit event and the outbox row of one change of one record; they share one id."""
    event_id = new_id()
    return [
        *audit(uow, action, record_type, record["id"], diff, event_id=event_id),
        Write(
            INSERT_OUTBOX,
            {
                "tenant_id": uow.tenant_id,
                "id": event_id,
                "topic": f"{record_type}.{_PAST[action]}",
                "record_type": record_type,
                "record_id": record["id"],
                "payload": record,
                "created_at": uow.now,
                # The id's own time, so that events of one record are due in the order they were made.
                "available_at": id_time(event_id),
            },
        ),
    ]


def audit(
    uow: UnitOfWork,
    action: str,
    record_type: str | None,
    record_id: UUID | None,
    diff: Mapping[str, Any],
    *,
    event_id: UUID | None = None,
) -> list[Write]:
    """Return the writes of one audit event."""
    event_id = event_id or new_id()
    return [
        Write(
            INSERT_AUDIT,
            {
                "tenant_id": uow.tenant_id,
                "id": event_id,
                "at": uow.now,
                "actor_id": uow.actor.principal_id,
                "plugin": uow.actor.plugin,
                "request_id": uow.request_id,
                "record_type": record_type,
                "record_id": record_id,
                "action": action,
                "diff": diff,
            },
        ),
        Write(INSERT_PENDING, {"tenant_id": uow.tenant_id, "event_id": event_id}),
    ]


def changes(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return old and new value of each field that differs; of a new record, of each that is set."""
    if old is None:
        return {name: [None, value] for name, value in new.items() if value is not None and name != "id"}
    return {name: [old.get(name), value] for name, value in new.items() if old.get(name) != value}
