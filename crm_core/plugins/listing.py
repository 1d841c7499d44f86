"""What there is to know of each plugin: state and reason, versions, and whether the tenant uses it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from crm_core.identity.tenants import ALL_TENANTS
from crm_core.plugin_host import health
from crm_core.plugin_host.breaker import State
from crm_core.plugin_host.host import INSTALLED
from crm_core.plugin_host.state import PluginState
from crm_core.plugins.service import STORED
from plugin_sdk import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crm_core.db.connection import Connection
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.plugin_host.health import Health
    from crm_core.plugin_host.registry import Registry
    from crm_core.records.scope import Scope


def overview(connection: Connection, registry: Registry, discovered: Iterable[Discovered]) -> list[dict[str, Any]]:
    """Return every plugin of the environment and of the database, by id, and how it does for each tenant."""
    rows = {row[0]: row for row in connection.fetch(INSTALLED, {})}
    found = {each.id: each for each in discovered}
    entries = [_entry(name, rows.get(name), found.get(name), registry) for name in sorted({*rows, *found})]
    tenants = {row[0]: row[1] for row in connection.fetch(ALL_TENANTS, {})}
    known = health.of_all(connection)
    for entry in entries:
        of_plugin = known.get(entry["id"], {})
        _add_health_by_tenant(entry, {tenants[key]: each for key, each in of_plugin.items() if key in tenants})
    return entries


def _add_health_by_tenant(entry: dict[str, Any], by_tenant: Mapping[str, Health]) -> None:
    now = dt.datetime.now(dt.UTC)
    entry["health"] = {tenant: each.shown(now) for tenant, each in by_tenant.items()}
    failing = [f"{each.breaker.phase(now)} for {tenant}" for tenant, each in by_tenant.items() if each.failing]
    if failing and entry["reason"] is None:
        entry["reason"] = f"{', '.join(failing)}; crm plugin show {entry['id']} says why"


def of_tenant(scope: Scope) -> list[dict[str, Any]]:
    """Return the installed plugins with this tenant's enablement and settings; secrets are never shown."""
    scope.actor.require("plugin", "read")
    shown = []
    known = health.of_tenant(scope.uow.for_core, scope.tenant_id)
    for row in scope.uow.fetch(INSTALLED, {}):
        if row[2] == PluginState.REMOVED:
            continue
        stored = scope.uow.fetch_one(STORED, {"key_tenant": scope.tenant_id, "key_plugin": row[0]})
        entry = _entry(row[0], row, None, scope.hooks.tenant.registry)
        manifest = Manifest.from_json(row[4])
        settings = dict(stored[1] or {}) if stored else {}
        hidden = {key for key, spec in manifest.settings.items() if spec.secret}
        _add_health(scope, entry, known.get(row[0]))
        entry["enabled"] = bool(stored and stored[0])
        entry["settings"] = {key: "•••" if key in hidden else value for key, value in settings.items()}
        shown.append(entry)
    return shown


def _add_health(scope: Scope, entry: dict[str, Any], found: Health | None) -> None:
    entry["health"] = found.shown(scope.uow.now) if found else None
    if found is None or not found.failing or entry["state"] != PluginState.LOADED:
        return
    entry["reason"] = found.sentence(entry["id"])
    if found.breaker.state is State.QUARANTINED:
        entry["state"], entry["sentence"] = PluginState.QUARANTINED.value, PluginState.QUARANTINED.sentence


def _entry(name: str, row: Any, found: Discovered | None, registry: Registry) -> dict[str, Any]:
    state, reason = _state(name, row, found, registry)
    packaged = found.manifest.version_text if found and found.manifest else None
    manifest = Manifest.from_json(row[4]) if row else found.manifest if found else None
    choice = registry.choices.get(name)
    return {
        "id": name,
        "name": manifest.name if manifest else name,
        "summary": manifest.summary if manifest else "",
        "version": row[1] if row and row[2] != PluginState.REMOVED else None,
        "package_version": packaged,
        "state": state.value,
        "sentence": state.sentence,
        "reason": reason,
        "tier": choice.tier.value if choice and choice.tier else None,
        "tier_reason": choice.sentence if choice else None,
    }


def _state(name: str, row: Any, found: Discovered | None, registry: Registry) -> tuple[PluginState, str | None]:
    if name in registry.plugins:
        return PluginState.LOADED, None
    if row is None:
        if found is not None and found.manifest is None:
            return PluginState.REFUSED, found.problem
        return PluginState.DISCOVERED, f"run crm plugin install {name}"
    state = PluginState(row[2])
    if state in {PluginState.REMOVED, PluginState.QUARANTINED}:
        return state, row[3]
    if name in registry.refused:
        return PluginState.REFUSED, registry.refused[name]
    return PluginState.ORPHANED, f"its package is gone; install the package of version {row[1]} or uninstall {name}"
