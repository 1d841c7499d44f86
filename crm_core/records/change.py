"""Change, delete and restore a record, never over a version the caller has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.db.unit import RecordWrite, Write
from crm_core.errors import Conflict, RecordNotFound, Refused
from crm_core.records.create import after, apply_before_write, draft_parts, plugin_writes, store_parts, validate
from crm_core.records.hookable import checked_plugins, frozen
from crm_core.records.parts import rows_of_parts
from crm_core.records.read import load_row
from crm_core.records.statements import select_one, update_row
from crm_core.records.traces import changes, traces
from plugin_sdk import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from crm_core.records.create import Draft
    from crm_core.records.entity import Entity
    from crm_core.records.hookable import PluginValues
    from crm_core.records.scope import Scope


def update(
    scope: Scope,
    entity: Entity,
    record_id: UUID,
    values: Mapping[str, Any],
    plugins: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    version: int | None = None,
) -> dict[str, Any]:
    """Change some fields of one record and return its row.

    With ``version`` the record must still have it; without, it must not change while this runs. Raises
    Conflict with both versions otherwise, RecordNotFound for a deleted or foreign record.
    """
    grant = scope.actor.require(entity.record_type, "update")
    old = load_row(scope, entity, record_id, grant)
    require_version(entity, old, version)
    checked = _checked(entity, values)
    own = checked_plugins(scope, entity, plugins or {})
    entity.rules.before_update(scope, old, checked)
    wanted = checked.pop(entity.parts.name, None) if entity.parts else None
    row = {**old, **checked}
    parts = draft_parts(scope, entity, row, wanted)
    apply_before_write(scope, entity, Operation.UPDATE, old, row, own)
    entity.rules.settle(scope, old, row, None if parts is None else [part.row for part in parts])
    changed = {name: row[name] for name in row if row[name] != old[name]}
    if not changed and not own and parts is None:
        return {**old, "plugins": {}}
    validate(scope, entity, Operation.UPDATE, old, row, own)
    done = rewrite(scope, entity, "update", Operation.UPDATE, old, changed, own)
    if parts is not None:
        _replace_parts(scope, entity, old["id"], parts)
    entity.rules.part_written(scope, done)
    return done


def _checked(entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they will be stored; parts are checked later, with the record they belong to."""
    parts = entity.parts.name if entity.parts else None
    return {
        name: value if name == parts else entity.field(name).check(entity.record_type, value)
        for name, value in values.items()
    }


def _replace_parts(scope: Scope, entity: Entity, record_id: UUID, drafts: Sequence[Draft]) -> None:
    if entity.parts is None:
        return
    for row in rows_of_parts(scope, entity.parts, [record_id]):
        _remove(scope, entity.parts.entity, row)
    store_parts(scope, entity.parts.entity, drafts)


def delete(scope: Scope, entity: Entity, record_id: UUID, *, version: int | None = None) -> dict[str, Any]:
    """Delete a record softly: it disappears from reads and lists and can be restored."""
    grant = scope.actor.require(entity.record_type, "delete")
    old = load_row(scope, entity, record_id, grant)
    require_version(entity, old, version)
    done = _remove(scope, entity, old)
    entity.rules.part_written(scope, done)
    return done


def _remove(scope: Scope, entity: Entity, old: Mapping[str, Any]) -> dict[str, Any]:
    issues = [("core", issue) for issue in entity.rules.before_delete(scope, old)]
    if issues:
        raise Refused(issues)
    if scope.hooks.has("record_before_delete", entity.record_type):
        scope.hooks.issues("record_before_delete", entity.record_type, record=frozen(entity, old))
    gone = {"deleted_at": scope.uow.now, "deleted_by": scope.actor.principal_id}
    return rewrite(scope, entity, "delete", Operation.DELETE, old, gone, {})


def restore(scope: Scope, entity: Entity, record_id: UUID) -> dict[str, Any]:
    """Bring a deleted record back as it was."""
    grant = scope.actor.require(entity.record_type, "delete")
    old = load_row(scope, entity, record_id, grant, deleted=True)
    validate(scope, entity, Operation.RESTORE, old, {**old, "deleted_at": None, "deleted_by": None}, {})
    done = rewrite(scope, entity, "restore", Operation.RESTORE, old, {"deleted_at": None, "deleted_by": None}, {})
    entity.rules.part_written(scope, done)
    return done


def rewrite(
    scope: Scope,
    entity: Entity,
    action: str,
    operation: Operation,
    old: Mapping[str, Any],
    changed: Mapping[str, Any],
    own: PluginValues,
) -> dict[str, Any]:
    """Stage the guarded write of a changed row with its traces, and call what follows; returns the row."""
    uow = scope.uow
    stamp = {"version": old["version"] + 1, "updated_at": uow.now, "updated_by": scope.actor.principal_id}
    row = {**old, **changed, **stamp}
    columns = tuple(sorted({*changed, *stamp}))
    key = {"key_tenant": scope.tenant_id, "key_id": old["id"], "key_version": old["version"]}
    diff = changes({name: old[name] for name in changed}, changed)
    if own:
        diff["plugins"] = [None, own]
    writes = [
        Write(
            update_row(entity, columns), {**key, **{name: row[name] for name in columns}, "tenant_id": scope.tenant_id}
        ),
        *plugin_writes(scope, entity, old["id"], own),
        *traces(uow, action, entity.record_type, row, diff),
    ]
    uow.stage(RecordWrite(writes, on_stale=lambda: _stale(scope, entity, old)))
    entity.rules.written(scope, old, row)
    after(scope, entity, operation, old, row, own)
    return {**row, "plugins": own}


def require_version(entity: Entity, row: Mapping[str, Any], version: int | None) -> None:
    """Raise unless the row has the version the caller has seen (None: any)."""
    if version is not None and row["version"] != version:
        raise conflict(entity, row["id"], version, row["version"])


def conflict(entity: Entity, record_id: UUID, expected: int, current: int | None) -> Conflict:
    """Return the error for a record that has moved on."""
    message = (
        f"{entity.record_type} {record_id} is at version {current}, not {expected}: somebody changed it; "
        "read it again, apply your change to what you see and send the new version"
    )
    return Conflict(message, expected_version=expected, current_version=current)


def _stale(scope: Scope, entity: Entity, old: Mapping[str, Any]) -> Exception:
    """Say what the record looks like now that the guarded write has touched nothing."""
    rows = scope.uow.connection.fetch(select_one(entity, scoped=False), {"tenant_id": scope.tenant_id, "id": old["id"]})
    if not rows:
        return RecordNotFound(f"there is no {entity.record_type} {old['id']}", id=str(old["id"]))
    return conflict(entity, old["id"], old["version"], rows[0][entity.names.index("version")])
