"""Ids that other systems give to records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete

from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import InvalidInput
from crm_core.records.anchors import referred
from crm_core.records.rows import allowed, checked, one
from crm_core.records.statements import INSERT_EXTERNAL_REF, in_tenant
from crm_core.records.traces import audit
from crm_core.relations.schemas import EXTERNAL_REFS
from crm_core.schema import external_ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crm_core.records.scope import Scope

_KEY = ("system", "ext_id")
_DELETE = Statement(
    delete(external_ref).where(
        in_tenant(external_ref.c.tenant_id),
        external_ref.c.system == bindparam("system"),
        external_ref.c.ext_id == bindparam("ext_id"),
    )
)


def add(scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    """Remember what another system calls a record."""
    allowed(scope, EXTERNAL_REFS, "create")
    row = {"row_hash": None, **checked(EXTERNAL_REFS, given)}
    entity, _ = referred(scope, "record_id", row["record_id"])
    row |= {"record_type": entity.record_type, "seen_at": scope.uow.now}
    scope.uow.execute(INSERT_EXTERNAL_REF, row)
    _trace(scope, "add_external_ref", row, [None, {name: row[name] for name in _KEY}])
    return row


def remove(scope: Scope, query: Sequence[tuple[str, str]]) -> None:
    """Forget one id, named by the query: ids of other systems may hold any character."""
    allowed(scope, EXTERNAL_REFS, "delete")
    key = dict(query)
    if sorted(key) != sorted(_KEY):
        message = "name what to delete as ?system=…&ext_id=…"
        raise InvalidInput(message, parameter="ext_id")
    row = one(scope, EXTERNAL_REFS, "delete", key)
    scope.uow.execute(_DELETE, key)
    _trace(scope, "remove_external_ref", row, [{name: row[name] for name in _KEY}, None])


def _trace(scope: Scope, action: str, row: Mapping[str, Any], change: list[Any]) -> None:
    scope.uow.stage(
        RecordWrite(audit(scope.uow, action, row["record_type"], row["record_id"], {"external_ref": change}))
    )
