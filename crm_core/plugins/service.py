"""Enable, disable and set up plugins for one tenant, at run time and without a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import InvalidInput, PluginError
from crm_core.identity.epoch import advance
from crm_core.plugin_api import faults
from crm_core.plugin_host.dispatch import TenantPlugins
from crm_core.plugin_host.memory import require_untouched
from crm_core.records.statements import insert_into
from crm_core.records.traces import audit
from crm_core.schema import plugin_tenant
from plugin_sdk import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.plugin_host.registry import LoadedPlugin, Registry
    from crm_core.records.scope import Scope

_KEY = (
    plugin_tenant.c.tenant_id == bindparam("key_tenant", type_=plugin_tenant.c.tenant_id.type),
    plugin_tenant.c.plugin == bindparam("key_plugin"),
)
STORED = Statement(select(plugin_tenant.c.enabled, plugin_tenant.c.settings).where(*_KEY))
_UPDATE = Statement(update(plugin_tenant).where(*_KEY), ("enabled", "settings", "changed_at", "changed_by"))
_INSERT = insert_into(plugin_tenant)


def enable(scope: Scope, name: str, settings: Mapping[str, Any] | None) -> list[str]:
    """Enable a plugin for the tenant of the operation; return warnings.

    ``settings`` None keeps those of the last time. It and every enabled plugin may refuse (plugin_enable).
    """
    scope.actor.require("plugin", "manage")
    loaded = require_loaded(scope.hooks.tenant.registry, name)
    for needed in loaded.manifest.requires:
        if needed not in scope.hooks.tenant.enabled:
            message = f"{loaded.label} needs {needed}, which this tenant has not enabled; enable {needed} first"
            raise PluginError(message, plugin=loaded.label, needs=needed)
    stored = _stored(scope, name)
    wanted = dict(settings) if settings is not None else dict(stored[1] or {}) if stored else {}
    inner = replace(scope.hooks, tenant=_with(scope.hooks.tenant, loaded, wanted))
    # Of what the steps in plugin_host/install.py compare this is all that can change here: no migration runs, and
    # neither the plugin's database role nor SQLite's authorizer lets a hook change any table's definition.
    with require_untouched(loaded.label):
        warnings = inner.issues("plugin_enable", None, plugin=name, version=loaded.manifest.version_text)
        _write(scope, name, loaded.label, enabled=True, settings=wanted)
        inner.own("plugin_enabled", name)
    if name in scope.hooks.tenant.health:
        faults.resume(scope, name)
    return [issue.message for _, issue in warnings]


def disable(scope: Scope, name: str) -> None:
    """Disable a plugin for the tenant; its data and settings stay."""
    scope.actor.require("plugin", "manage")
    stored = _stored(scope, name)
    if stored is None or not stored[0]:
        message = f"plugin {name} is not enabled for this tenant"
        raise PluginError(message, plugin=name)
    registry = scope.hooks.tenant.registry
    for other in scope.hooks.tenant.enabled:
        if name in registry.plugins[other].manifest.requires:
            message = f"{registry.plugins[other].label} needs {name} and is enabled; disable {other} first"
            raise PluginError(message, plugin=name, needed_by=other)
    loaded = registry.plugins.get(name)
    if loaded is not None:
        with require_untouched(loaded.label):
            scope.hooks.own("plugin_disabled", name)
    _write(scope, name, loaded.label if loaded else name, enabled=False, settings=stored[1] or {})


def change_settings(scope: Scope, name: str, changes: Mapping[str, Any]) -> None:
    """Change some settings; None brings a setting back to its default."""
    scope.actor.require("plugin", "manage")
    loaded = require_loaded(scope.hooks.tenant.registry, name)
    stored = _stored(scope, name)
    merged = {**(dict(stored[1] or {}) if stored else {}), **changes}
    wanted = {key: value for key, value in merged.items() if value is not None}
    inner = replace(scope.hooks, tenant=_with(scope.hooks.tenant, loaded, wanted))
    enabled = bool(stored and stored[0])
    if enabled:
        inner.issues("plugin_enable", None, plugin=name, version=loaded.manifest.version_text)
    _write(scope, name, loaded.label, enabled=enabled, settings=wanted)


def require_loaded(registry: Registry, name: str) -> LoadedPlugin:
    """Return a loaded plugin or raise with the reason why it is not."""
    loaded = registry.plugins.get(name)
    if loaded is None:
        reason = registry.refused.get(name) or f"there is no plugin {name!r}; crm plugin list shows those there are"
        raise PluginError(reason, plugin=name)
    return loaded


def _with(tenant: TenantPlugins, loaded: LoadedPlugin, settings: Mapping[str, Any]) -> TenantPlugins:
    """Return the tenant's plugins with one more enabled, its settings checked."""
    try:
        checked = loaded.manifest.validate_settings(settings)
    except SettingError as error:
        message = f"{loaded.label}: {error}"
        raise InvalidInput(message, plugin=loaded.label) from error
    # An administrator acts on this very plugin: it is asked, however it has done so far.
    health = {name: each for name, each in tenant.health.items() if name != loaded.id}
    return TenantPlugins(tenant.registry, tenant.fields, {**tenant.enabled, loaded.id: checked}, health)


def _stored(scope: Scope, name: str) -> Any:
    return scope.uow.fetch_one(STORED, {"key_tenant": scope.tenant_id, "key_plugin": name})


def _write(scope: Scope, name: str, label: str, *, enabled: bool, settings: Mapping[str, Any]) -> None:
    uow = scope.uow
    values = {
        "enabled": enabled,
        "settings": dict(settings),
        "changed_at": uow.now,
        "changed_by": scope.actor.principal_id,
        "plugin": name,
        "key_plugin": name,
        "key_tenant": scope.tenant_id,
    }
    if not uow.execute(_UPDATE, values):
        uow.execute(_INSERT, values)
    action = "plugin_enabled" if enabled else "plugin_disabled"
    uow.stage(RecordWrite(audit(uow, action, None, None, {"plugin": [None, label]})))
    advance(uow)
