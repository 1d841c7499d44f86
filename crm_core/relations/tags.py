"""Tags on records: a record has a set of them, read and written as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, select

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import ReferenceNotFound, Refused
from crm_core.records.read import load_row
from crm_core.records.statements import in_tenant, insert_into
from crm_core.records.traces import audit
from crm_core.relations.schemas import TAG
from crm_core.schema import tag, tagging
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

MAX_TAGS = 100
_COLUMNS = tuple(tag.c[name] for name in TAG.names)
_RECORD = tagging.c.record_id == bindparam("record_id", type_=tagging.c.record_id.type)
_OF_RECORD = Statement(
    select(*_COLUMNS)
    .join(tagging, and_(tagging.c.tenant_id == tag.c.tenant_id, tagging.c.tag_id == tag.c.id))
    .where(in_tenant(tag.c.tenant_id), _RECORD, tag.c.deleted_at.is_(None))
    .order_by(tag.c.name, tag.c.id)
)
_BY_ID = Statement(
    select(tag.c.id, tag.c.record_type).where(
        in_tenant(tag.c.tenant_id), is_in(tag.c.id, "ids"), tag.c.deleted_at.is_(None)
    )
)
_IDS = Statement(select(tagging.c.tag_id).where(in_tenant(tagging.c.tenant_id), _RECORD))
_REMOVE = Statement(delete(tagging).where(in_tenant(tagging.c.tenant_id), _RECORD, is_in(tagging.c.tag_id, "ids")))
_INSERT = insert_into(tagging)


def of_record(scope: Scope, entity: Entity, record_id: UUID) -> list[dict[str, Any]]:
    """Return a record's tags by name."""
    scope.actor.require("tag", "read")
    load_row(scope, entity, record_id, scope.actor.require(entity.record_type, "read"))
    rows = scope.uow.fetch(_OF_RECORD, {"record_id": record_id})
    return [dict(zip(TAG.names, row, strict=True)) for row in rows]


def replace(scope: Scope, entity: Entity, record_id: UUID, tag_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Give a record exactly these tags; needs the permission to change the record, and to read tags."""
    scope.actor.require("tag", "read")
    load_row(scope, entity, record_id, scope.actor.require(entity.record_type, "update"))
    wanted = set(tag_ids)
    _check(scope, entity, wanted)
    present = {row[0] for row in scope.uow.fetch(_IDS, {"record_id": record_id})}
    gone, new = sorted(present - wanted), sorted(wanted - present)
    if gone:
        scope.uow.execute(_REMOVE, {"record_id": record_id, "ids": gone})
    for tag_id in new:
        scope.uow.execute(_INSERT, {"record_id": record_id, "tag_id": tag_id})
    if gone or new:
        diff = {"tags": [sorted(present), sorted(wanted)]}
        scope.uow.stage(RecordWrite(audit(scope.uow, "set_tags", entity.record_type, record_id, diff)))
    return of_record(scope, entity, record_id)


def _check(scope: Scope, entity: Entity, wanted: set[UUID]) -> None:
    found = {row[0]: row[1] for row in scope.uow.fetch(_BY_ID, {"ids": list(wanted)})} if wanted else {}
    for tag_id in sorted(wanted):
        if tag_id not in found:
            message = f"tag_ids: there is no tag {tag_id} in this tenant; create it first"
            raise ReferenceNotFound(message, field="tag_ids")
        if found[tag_id] != entity.record_type:
            message = f"tag {tag_id} is for records of type {found[tag_id]}, not {entity.record_type}"
            raise Refused([("core", Issue("tag_of_other_type", message, field="tag_ids"))])
