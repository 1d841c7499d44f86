"""The statements of generic record services, each built once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.schema import audit_event, audit_pending, external_ref, outbox, record, stage_event

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Table

    from crm_core.records.entity import Entity


@lru_cache(maxsize=256)
def insert_into(table: Table) -> Statement:
    """Return the INSERT of a whole row; values are named like the columns."""
    return Statement(insert(table), [str(column.name) for column in table.columns])


INSERT_RECORD = insert_into(record)
INSERT_AUDIT = insert_into(audit_event)
INSERT_PENDING = insert_into(audit_pending)
INSERT_OUTBOX = Statement(
    insert(outbox),
    ["tenant_id", "id", "topic", "record_type", "record_id", "payload", "created_at", "available_at"],
)
INSERT_STAGE_EVENT = insert_into(stage_event)
INSERT_EXTERNAL_REF = insert_into(external_ref)


def in_tenant(column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that every statement carries."""
    return column == bindparam("tenant_id", type_=column.type)


@lru_cache(maxsize=1024)
def update_row(entity: Entity, columns: tuple[str, ...]) -> Statement:
    """Return the UPDATE of some columns of one row, if it still has the version ``key_version``."""
    table = entity.table
    return Statement(
        update(table).where(
            table.c.tenant_id == bindparam("key_tenant", type_=table.c.tenant_id.type),
            table.c.id == bindparam("key_id", type_=table.c.id.type),
            table.c.version == bindparam("key_version", type_=table.c.version.type),
        ),
        columns,
    )


@lru_cache(maxsize=256)
def select_one(entity: Entity, *, scoped: bool) -> Statement:
    """Return the SELECT of one row by ``id``, deleted or not; with ``scoped`` only of ``owners``."""
    table = entity.table
    statement = select(*(table.c[name] for name in entity.names)).where(
        in_tenant(table.c.tenant_id), table.c.id == bindparam("id", type_=table.c.id.type)
    )
    if scoped:
        statement = statement.where(is_in(table.c[entity.owner_column], "owners"))
    return Statement(statement)


@lru_cache(maxsize=256)
def select_many(entity: Entity) -> Statement:
    """Return the SELECT of rows by a list of ``ids``, in no order."""
    table = entity.table
    return Statement(
        select(*(table.c[name] for name in entity.names)).where(in_tenant(table.c.tenant_id), is_in(table.c.id, "ids"))
    )
