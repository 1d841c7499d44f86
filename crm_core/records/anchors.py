"""From the id of any record to the record: what links, tags and members refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.errors import RecordNotFound, ReferenceNotFound
from crm_core.records.read import load_row
from crm_core.records.statements import in_tenant
from crm_core.schema import record

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

_TYPE = Statement(
    select(record.c.record_type).where(
        in_tenant(record.c.tenant_id), record.c.id == bindparam("id", type_=record.c.id.type)
    )
)


def referred(scope: Scope, field: str, record_id: UUID, action: str = "read") -> tuple[Entity, dict[str, Any]]:
    """Return the record a field of a request names, of whatever type; the actor must be allowed ``action`` on it."""
    found = scope.uow.fetch_one(_TYPE, {"id": record_id})
    if found is None:
        message = f"{field}: there is no record {record_id} for you in this tenant"
        raise ReferenceNotFound(message, field=field)
    entity = scope.entity(found[0])
    try:
        return entity, load_row(scope, entity, record_id, scope.actor.require(entity.record_type, action))
    except RecordNotFound as error:
        raise ReferenceNotFound(f"{field}: {error.message}", field=field) from error
