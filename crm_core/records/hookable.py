"""Between rows and hooks: the frozen records plugins see, and the patches they answer with."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crm_core.errors import InvalidInput
from crm_core.plugin_host.dispatch import merge
from plugin_sdk import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crm_core.plugin_host.registry import Call
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

PluginValues = dict[str, dict[str, Any]]


def frozen(entity: Entity, values: Mapping[str, Any], plugins: Mapping[str, Mapping[str, Any]] | None = None) -> Record:
    """Return a record for hooks; what they keep of it cannot change anything."""
    fields = {plugin: MappingProxyType(dict(own)) for plugin, own in (plugins or {}).items()}
    return Record(
        entity.record_type,
        values["id"],
        values.get("version") or 0,
        MappingProxyType(dict(values)),
        MappingProxyType(fields),
    )


def checked_patch(entity: Entity, hook: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the core fields of a merged patch as they will be stored; names the hook if they do not fit."""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        field = entity.field(name)
        if not field.writable:
            message = f"{hook} may not set {entity.record_type}.{name}: the core sets it"
            raise InvalidInput(message, field=name, hook=hook)
        checked[name] = field.convert(entity.record_type, value)
    return checked


def patched(entity: Entity, hook: str, patches: Sequence[tuple[Call, Any]], part: str = "values") -> dict[str, Any]:
    """Return the core fields that plugins' patches set, merged; names plugin, hook and field if one does not fit."""
    checked: dict[str, Any] = {}
    for name, value in merge(hook, patches, part).items():
        try:
            checked |= checked_patch(entity, hook, {name: value})
        except InvalidInput as error:
            labels = ", ".join(call.plugin.label for call, patch in patches if name in getattr(patch, part))
            raise _blamed(labels, hook, error) from error
    return checked


def _blamed(label: str, hook: str, error: InvalidInput) -> InvalidInput:
    """Return the error with the plugin that has caused it, and where."""
    details = {**error.details, "plugin": label, "hook": hook}
    return type(error)(f"plugin {label} in {hook}: {error.message}", **details)


def take_own_fields(
    scope: Scope, entity: Entity, hook: str, patches: Iterable[tuple[Call, Any]], plugins: PluginValues
) -> None:
    """Add the own fields that plugins' patches set to those of the request."""
    known = scope.hooks.tenant.fields.of(entity.record_type, scope.hooks.tenant.enabled)
    for call, patch in patches:
        if not patch.fields:
            continue
        fields = known.get(call.plugin.id)
        if fields is None:
            message = (
                f"plugin {call.plugin.label} declares no fields on {entity.record_type}; add [[fields]] to its manifest"
            )
            raise InvalidInput(message, plugin=call.plugin.label, hook=hook)
        try:
            checked = fields.checked(patch.fields, by_api=False)
        except InvalidInput as error:
            raise _blamed(call.plugin.label, hook, error) from error
        plugins.setdefault(call.plugin.id, {}).update(checked)


def checked_plugins(scope: Scope, entity: Entity, given: Mapping[str, Mapping[str, Any]]) -> PluginValues:
    """Return the plugin fields of a request as they will be stored."""
    if not given:
        return {}
    known = scope.hooks.tenant.fields.of(entity.record_type, scope.hooks.tenant.enabled)
    checked: PluginValues = {}
    for plugin, values in given.items():
        fields = known.get(plugin)
        if fields is None:
            message = (
                f"no enabled plugin {plugin!r} has fields on {entity.record_type}; "
                f"{'there are ' + ', '.join(sorted(known)) if known else 'there are none'}"
            )
            raise InvalidInput(message, field=f"plugins.{plugin}")
        checked[plugin] = fields.checked(values, by_api=True)
    return checked
