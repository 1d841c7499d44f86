"""Links between records: made, ended on a day, never erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update

from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import RecordNotFound, Refused
from crm_core.records.anchors import referred
from crm_core.records.rows import allowed, checked, one
from crm_core.records.statements import insert_into
from crm_core.records.traces import audit
from crm_core.relations.schemas import LINKS
from crm_core.schema import link
from plugin_sdk import Issue
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.records.scope import Scope

_INSERT = insert_into(link)
_END = Statement(
    update(link).where(
        link.c.tenant_id == bindparam("key_tenant", type_=link.c.tenant_id.type),
        link.c.id == bindparam("key_id", type_=link.c.id.type),
        link.c.valid_to.is_(None),
    ),
    ["valid_to"],
)


def add(scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    """Link two records the actor may see; between two records one link of a kind is open at a time."""
    allowed(scope, LINKS, "create")
    row: dict[str, Any] = {**dict.fromkeys(LINKS.fields), **checked(LINKS, given)}
    _check(row)
    source, _ = referred(scope, "src_id", row["src_id"])
    referred(scope, "dst_id", row["dst_id"])
    row |= {"id": new_id(), "created_at": scope.uow.now, "created_by": scope.actor.principal_id}
    scope.uow.execute(_INSERT, row)
    diff = {"link": [None, {name: row[name] for name in ("id", "rel", "dst_id")}]}
    scope.uow.stage(RecordWrite(audit(scope.uow, "add_link", source.record_type, row["src_id"], diff)))
    return row


def end(scope: Scope, link_id: UUID) -> None:
    """End an open link today; the days it held stay known."""
    row = one(scope, LINKS, "delete", {"id": link_id})
    today = scope.uow.now.date()
    key = {"key_tenant": scope.tenant_id, "key_id": link_id, "valid_to": today}
    if not scope.uow.execute(_END, key):
        message = f"link {link_id} ended on {row['valid_to']} already"
        raise RecordNotFound(message, id=str(link_id))
    diff = {"link": [{name: row[name] for name in ("id", "rel", "dst_id")}, None], "valid_to": [None, today]}
    scope.uow.stage(RecordWrite(audit(scope.uow, "end_link", None, row["src_id"], diff)))


def _check(row: Mapping[str, Any]) -> None:
    if row["src_id"] == row["dst_id"]:
        raise Refused([("core", Issue("link_to_itself", "a record is not linked to itself", field="dst_id"))])
    if row["valid_from"] and row["valid_to"] and row["valid_to"] < row["valid_from"]:
        message = f"valid_to {row['valid_to']} is before valid_from {row['valid_from']}; correct one of them"
        raise Refused([("core", Issue("days_reversed", message, field="valid_to"))])
