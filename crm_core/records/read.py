"""Read records: one by id, many by ids, always inside tenant and permission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.errors import RecordNotFound
from crm_core.records.statements import select_many, select_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from crm_core.actors import Grant
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope


def load_row(scope: Scope, entity: Entity, record_id: UUID, grant: Grant, *, deleted: bool = False) -> dict[str, Any]:
    """Return one row within the grant, or raise RecordNotFound: what may not be seen does not exist.

    With ``deleted`` the row must be in the bin, without it must not.
    """
    values: dict[str, Any] = {"id": record_id}
    if grant.owners is not None:
        values["owners"] = list(grant.owners)
    found = scope.uow.fetch_one(select_one(entity, scoped=grant.owners is not None), values)
    row = dict(zip(entity.names, found, strict=True)) if found else None
    if row is None or (row["deleted_at"] is not None) is not deleted:
        where = "in the bin" if deleted else "for you in this tenant"
        message = f"there is no {entity.record_type} {record_id} {where}"
        raise RecordNotFound(message, record_type=entity.record_type, id=str(record_id))
    return row


def get(scope: Scope, entity: Entity, record_id: UUID) -> dict[str, Any]:
    """Return one record with its plugins' fields."""
    row = load_row(scope, entity, record_id, scope.actor.require(entity.record_type, "read"))
    row["plugins"] = plugin_values(scope, entity, [record_id])[0]
    return row


def rows_by_id(scope: Scope, entity: Entity, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return rows by id in one statement, without a permission check: for the core's own use."""
    rows = scope.uow.fetch(select_many(entity), {"ids": list(ids)})
    return {row[0]: dict(zip(entity.names, row, strict=True)) for row in rows}


def plugin_values(scope: Scope, entity: Entity, ids: Sequence[UUID]) -> list[dict[str, dict[str, Any]]]:
    """Return the plugins' fields of a page, in the order of ``ids``: one statement per plugin, never a join."""
    tenant = scope.hooks.tenant
    fields = tenant.fields.of(entity.record_type, tenant.enabled)
    if not fields or not ids:
        return [{} for _ in ids]
    stored = {plugin: own.read(scope.uow, ids) for plugin, own in fields.items()}
    computed = _computed(scope, entity, ids)
    page: list[dict[str, dict[str, Any]]] = []
    for record_id in ids:
        values: dict[str, dict[str, Any]] = {}
        for plugin, own in fields.items():
            mine: dict[str, Any] = dict.fromkeys(own.specs)
            mine |= stored[plugin].get(record_id, {})
            extra: Mapping[str, Any] = computed.get(plugin, {}).get(record_id, {})
            mine |= {key: value for key, value in extra.items() if key in own.specs and own.specs[key].computed}
            values[plugin] = mine
        page.append(values)
    return page


def _computed(scope: Scope, entity: Entity, ids: Iterable[UUID]) -> dict[str, Mapping[UUID, Mapping[str, Any]]]:
    if not scope.hooks.has("record_load", entity.record_type):
        return {}
    found = scope.hooks.collect("record_load", entity.record_type, record_type=entity.record_type, ids=tuple(ids))
    return {plugin.id: values for plugin, values in found}
