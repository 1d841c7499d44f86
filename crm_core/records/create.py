"""Create a record: hooks before the transaction, hooks inside it, one write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.db.unit import RecordWrite, Write
from crm_core.errors import Refused
from crm_core.records.hookable import checked_plugins, frozen, patched, take_own_fields
from crm_core.records.parts import located
from crm_core.records.statements import INSERT_RECORD, insert_into
from crm_core.records.traces import changes, traces
from plugin_sdk import Issue, Level, Operation
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crm_core.records.entity import Entity
    from crm_core.records.hookable import PluginValues
    from crm_core.records.scope import Scope


_STAMPS = frozenset({"version", "created_at", "created_by", "updated_at", "updated_by"})


def create(
    scope: Scope,
    entity: Entity,
    values: Mapping[str, Any],
    plugins: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Create one record and return its row (with ``plugins`` as given and patched).

    Raises PermissionDenied, InvalidInput, Refused, PatchConflict or HookFailed; nothing is stored then.
    """
    scope.actor.require(entity.record_type, "create")
    core = dict(values)
    entity.rules.fill(scope, [core], None)
    wanted = core.pop(entity.parts.name, None) if entity.parts else None
    draft = _drafted(scope, entity, core, plugins or {}, wanted)
    store(scope, entity, draft.row, draft.own)
    if entity.parts is not None:
        store_parts(scope, entity.parts.entity, draft.parts or ())
    entity.rules.part_written(scope, draft.row)
    return {**draft.row, "plugins": draft.own}


class Draft(NamedTuple):
    """A new record that has passed hooks and checks and is not stored yet, with its parts (None: it gave none)."""

    row: dict[str, Any]
    own: PluginValues
    parts: Sequence[Draft] | None


def _drafted(
    scope: Scope,
    entity: Entity,
    values: Mapping[str, Any],
    plugins: Mapping[str, Mapping[str, Any]],
    wanted: Sequence[Mapping[str, Any]] | None = None,
) -> Draft:
    row = _draft(scope, entity, values)
    own = checked_plugins(scope, entity, plugins)
    _before(scope, entity, row, own)
    entity.rules.complete(scope, row)
    parts = draft_parts(scope, entity, row, wanted)
    apply_before_write(scope, entity, Operation.CREATE, None, row, own)
    entity.rules.settle(scope, None, row, None if parts is None else [part.row for part in parts])
    validate(scope, entity, Operation.CREATE, None, row, own)
    return Draft(row, own, parts)


def draft_parts(
    scope: Scope, entity: Entity, row: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]] | None
) -> list[Draft] | None:
    """Return the parts a request gives for a record, checked; errors say which part they are about."""
    parts = entity.parts
    if parts is None or wanted is None:
        return None
    given = [{**values, parts.key: row["id"], parts.order: place} for place, values in enumerate(wanted, 1)]
    plugins = [values.pop("plugins", {}) for values in given]
    parts.entity.rules.fill(scope, given, row)
    drafts = []
    for index, (values, own) in enumerate(zip(given, plugins, strict=True)):
        with located(parts.name, index):
            drafts.append(_drafted(scope, parts.entity, values, own))
    return drafts


def store_parts(scope: Scope, entity: Entity, drafts: Sequence[Draft]) -> None:
    """Stage the writes of a record's parts, behind its own."""
    for draft in drafts:
        store(scope, entity, draft.row, draft.own)


def store(scope: Scope, entity: Entity, row: dict[str, Any], own: PluginValues) -> None:
    """Stage the writes of a new record whose values are final, and call what follows inside the transaction."""
    uow, tenant_id = scope.uow, scope.tenant_id
    anchor = {"tenant_id": tenant_id, "id": row["id"], "record_type": entity.record_type, "created_at": uow.now}
    diff = changes(None, row) | ({"plugins": [None, own]} if own else {})
    writes = [
        Write(INSERT_RECORD, anchor),
        Write(insert_into(entity.table), {"tenant_id": tenant_id, **row}),
        *plugin_writes(scope, entity, row["id"], own),
        *traces(uow, "create", entity.record_type, row, diff),
    ]
    uow.stage(RecordWrite(writes))
    entity.rules.written(scope, None, row)
    after(scope, entity, Operation.CREATE, None, row, own)


def plugin_writes(scope: Scope, entity: Entity, record_id: Any, own: PluginValues) -> list[Write]:
    """Return the writes of plugin fields, one per plugin."""
    if not own:
        return []
    known = scope.hooks.tenant.fields.of(entity.record_type, scope.hooks.tenant.enabled)
    return [
        Write(known[plugin].store(values), {"tenant_id": scope.tenant_id, "record_id": record_id, **values})
        for plugin, values in own.items()
        if values
    ]


def changed_fields(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the fields that differ, or of a new record have a value, without the core's own stamps."""
    return frozenset(changes(old, new)) - _STAMPS


def after(
    scope: Scope,
    entity: Entity,
    operation: Operation,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    own: PluginValues,
) -> None:
    """Call the hooks that follow a write inside its transaction."""
    hooks = scope.hooks
    if hooks.has("record_after_write", entity.record_type):
        scope.uow.flush()
        hooks.collect(
            "record_after_write",
            entity.record_type,
            operation=operation,
            old=frozen(entity, old) if old else None,
            new=frozen(entity, new, own),
            changed=changed_fields(old, new),
        )


def _draft(scope: Scope, entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole row: the given values checked, defaults where nothing is given."""
    uow = scope.uow
    row: dict[str, Any] = {field.name: field.default for field in entity.fields}
    for name, value in values.items():
        row[name] = entity.field(name).check(entity.record_type, value)
    who = uow.actor.principal_id
    row |= {
        "id": new_id(),
        "version": 1,
        "created_at": uow.now,
        "created_by": who,
        "updated_at": uow.now,
        "updated_by": who,
    }
    if "owner_id" in row and row["owner_id"] is None:
        row["owner_id"] = who
    return row


def _before(scope: Scope, entity: Entity, row: dict[str, Any], own: PluginValues) -> None:
    """Call the hooks of the point ``before``: defaults, normal form, duplicates."""
    hooks, record_type = scope.hooks, entity.record_type
    for hook in ("record_defaults", "record_normalize"):
        if hooks.has(hook, record_type):
            patches = hooks.patches(hook, record_type, record_type=record_type, draft=frozen(entity, row, own))
            patch = patched(entity, hook, patches)
            if hook == "record_defaults":
                patch = {name: value for name, value in patch.items() if row[name] is None}
            row.update(patch)
            take_own_fields(scope, entity, hook, patches, own)
    if hooks.has("find_duplicates", record_type):
        found = hooks.collect("find_duplicates", record_type, record_type=record_type, draft=frozen(entity, row, own))
        issues = [(plugin.label, _duplicate(entity, match)) for plugin, matches in found for match in matches]
        blocking = [(label, issue) for label, issue in issues if issue.level is Level.ERROR]
        if blocking:
            raise Refused(blocking)
        scope.warnings.extend(issues)


def _duplicate(entity: Entity, match: Any) -> Issue:
    message = f"this {entity.record_type} seems to be {match.record_id} already: {match.reason}"
    return Issue("duplicate_record", message, level=Level.ERROR if match.blocks else Level.WARNING)


def apply_before_write(
    scope: Scope,
    entity: Entity,
    operation: Operation,
    old: Mapping[str, Any] | None,
    row: dict[str, Any],
    own: PluginValues,
) -> None:
    """Call ``record_before_write`` and take the merged patch into the row."""
    hooks = scope.hooks
    if not hooks.has("record_before_write", entity.record_type):
        return
    patches = hooks.patches(
        "record_before_write",
        entity.record_type,
        operation=operation,
        old=frozen(entity, old) if old else None,
        new=frozen(entity, row, own),
    )
    row.update(patched(entity, "record_before_write", patches))
    take_own_fields(scope, entity, "record_before_write", patches, own)


def _unpaired(entity: Entity, row: Mapping[str, Any]) -> Iterable[Issue]:
    for name in entity.money_pairs:
        if (row[name] is None) != (row["currency"] is None):
            message = f"{entity.record_type}: {name} and currency go together; send both or neither"
            yield Issue("currency_missing", message, field=name)


def validate(
    scope: Scope,
    entity: Entity,
    operation: Operation,
    old: Mapping[str, Any] | None,
    row: Mapping[str, Any],
    own: PluginValues,
) -> None:
    """Call the core's checks, then the plugins'; any error refuses the write."""
    issues = [("core", issue) for issue in (*_unpaired(entity, row), *entity.rules.check(scope, old, row))]
    if issues:
        raise Refused(issues)
    if scope.hooks.has("record_validate", entity.record_type):
        warnings = scope.hooks.issues(
            "record_validate",
            entity.record_type,
            operation=operation,
            old=frozen(entity, old) if old else None,
            new=frozen(entity, row, own),
            changed=changed_fields(old, row),
        )
        scope.warnings.extend(warnings)
