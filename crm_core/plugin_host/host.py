"""The plugins of one process: what is loaded, and what each tenant has enabled right now."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.plugin_host import health, tiers, trust
from crm_core.plugin_host.discovery import Discovered, discover
from crm_core.plugin_host.dispatch import TenantPlugins
from crm_core.plugin_host.fields import FieldTables
from crm_core.plugin_host.registry import Registry, load, settings_of
from crm_core.plugin_host.resolver import resolve
from crm_core.plugin_host.state import PluginState
from crm_core.schema import plugin, plugin_tenant
from crm_core.settings import Settings
from plugin_sdk import SettingError
from plugin_sdk import __version__ as sdk_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from crm_core.db.connection import Connection
    from crm_core.plugin_host.isolated import RemoteRoute
    from plugin_sdk import Job
    from plugin_sdk.http import Route

logger = logging.getLogger("crm_core.plugin_host")

INSTALLED = Statement(select(plugin.c.id, plugin.c.version, plugin.c.state, plugin.c.reason, plugin.c.manifest))
_ENABLED = Statement(
    select(plugin_tenant.c.plugin, plugin_tenant.c.settings).where(
        plugin_tenant.c.tenant_id == bindparam("tenant_id", type_=plugin_tenant.c.tenant_id.type),
        plugin_tenant.c.enabled.is_(True),
    )
)


class PluginHost:
    """Loads installed plugins once per process and keeps each tenant's enabled set."""

    def __init__(self, discovered: Sequence[Discovered], registry: Registry, refused: Mapping[str, str]) -> None:
        """Use ``start``."""
        self.discovered = {each.id: each for each in discovered}
        self.registry = registry
        registry.refused = {**refused, **registry.refused}
        self.refused = registry.refused
        self.fields = FieldTables(loaded.manifest for loaded in registry.plugins.values())
        self.jobs: dict[str, Sequence[Job]] = registry.collected["scheduled_jobs"]
        self.routes: dict[str, Sequence[Route | RemoteRoute]] = registry.collected["routes"]
        self._tenants: dict[UUID, TenantPlugins] = {}

    @classmethod
    def start(
        cls,
        connection: Connection,
        *,
        core_version: str,
        discovered: Sequence[Discovered] | None = None,
        settings: Settings | None = None,
    ) -> PluginHost:
        """Load the plugins that are installed in this database and fit; each other one keeps its reason."""
        found = list(discover() if discovered is None else discovered)
        rows = {row[0]: row for row in connection.fetch(INSTALLED, {})}
        verdicts = trust.verdicts(found, trust.stored(connection))
        choices = tiers.choices(found, settings or Settings(), verdicts)
        chosen, refused = _choose(found, rows, choices)
        manifests = [each.manifest for each in chosen if each.manifest]
        resolution = resolve(manifests, core_version=core_version, sdk_version=sdk_version)
        by_id = {each.id: each for each in chosen}
        registry = load(
            [by_id[name] for name in resolution.order],
            core_version=core_version,
            database=connection.dialect.name,
            tiers=tiers.tiers_of(choices),
            settings=settings,
        )
        registry.choices = choices
        host = cls(found, registry, {**refused, **resolution.refused})
        for name, reason in host.refused.items():
            if name in rows:
                logger.error("plugin %s is not loaded: %s", name, reason)
        return host

    def tenant(self, connection: Connection, tenant_id: UUID) -> TenantPlugins:
        """Return the tenant's enabled plugins, read at most once between changes."""
        found = self._tenants.get(tenant_id)
        if found is None:
            found = self._tenants[tenant_id] = self._load_tenant(connection, tenant_id)
        return found

    def close(self) -> None:
        """End the workers of isolated plugins."""
        self.registry.close()

    def forget(self) -> None:
        """Drop what is known of tenants: something has changed, here or in another process."""
        self._tenants = {}

    def _load_tenant(self, connection: Connection, tenant_id: UUID) -> TenantPlugins:
        enabled: dict[str, Mapping[str, Any]] = {}
        for name, settings in connection.fetch(_ENABLED, {"tenant_id": tenant_id}):
            loaded = self.registry.plugins.get(name)
            if loaded is None:
                continue
            try:
                enabled[name] = settings_of(loaded, settings or {})
            except SettingError as error:
                logger.error("plugin %s is not called for tenant %s: %s", loaded.label, tenant_id, error)  # noqa: TRY400 - the text says it all
        failing = {name: each for name, each in health.of_tenant(connection, tenant_id).items() if each.failing}
        return TenantPlugins(self.registry, self.fields, enabled, failing)


def _choose(
    found: Iterable[Discovered], rows: Mapping[str, Any], choices: Mapping[str, tiers.Choice]
) -> tuple[list[Discovered], dict[str, str]]:
    """Return the plugins to load: those whose database side matches the package that is here, and that may run."""
    chosen: list[Discovered] = []
    refused: dict[str, str] = {}
    for each in found:
        row = rows.get(each.id)
        if each.manifest is None:
            refused[each.id] = each.problem or f"plugin {each.id} has no usable manifest"
        elif row is None or row[2] == PluginState.REMOVED:
            refused[each.id] = f"{each.label} is not installed in this database; run crm plugin install {each.id}"
        elif row[1] != each.manifest.version_text:
            refused[each.id] = (
                f"{each.label}: the database has version {row[1]}; run crm plugin upgrade {each.id} "
                f"or bring back the package of {row[1]}"
            )
        elif row[2] == PluginState.QUARANTINED:
            refused[each.id] = f"{each.label} is quarantined: {row[3]}"
        elif choices[each.id].tier is None:
            refused[each.id] = choices[each.id].why
        else:
            chosen.append(each)
    return chosen, refused
