"""Uninstall a plugin without losing anything nobody asked to lose, and bring its data back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.actors import system_actor
from crm_core.db.migrate import in_transaction
from crm_core.errors import PluginError
from crm_core.plugin_host import archive
from crm_core.plugin_host.install import uninstall
from crm_core.runtime import opened
from crm_core.schema import plugin_tenant
from plugin_sdk import UninstallMode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from uuid import UUID

    from crm_core.records.scope import Scope
    from crm_core.runtime import Runtime
    from crm_core.settings import Settings


def remove(settings: Settings, name: str, *, export: Path | None, purge: bool, actor: str) -> dict[str, Any]:
    """Uninstall a plugin for every tenant; say what became of its data.

    The plugin's own clean-up runs first where its code is still here. An export is complete and on disk
    before anything is dropped.
    """
    mode = UninstallMode.PURGE if purge else UninstallMode.EXPORT if export else UninstallMode.KEEP
    lines = asyncio.run(_say_goodbye(settings, name, mode))
    rows = 0
    if export is not None:
        rows = archive.write(settings.database_url, name, export, lines)
    uninstall(settings.database_url, name, drop=mode is not UninstallMode.KEEP, actor=actor)
    told = {UninstallMode.KEEP: "kept", UninstallMode.EXPORT: f"in {export}", UninstallMode.PURGE: "dropped"}
    return {"plugin": name, "mode": mode.value, "data": told[mode], "rows": rows}


def restore(settings: Settings, name: str, file: Path, *, actor: str) -> dict[str, Any]:
    """Bring an export back into the installed plugin's tables, then let the plugin check it."""
    contents = archive.read(file, name)
    rows = archive.load(settings.database_url, name, contents, actor=actor)
    asyncio.run(_welcome(settings, name, contents.lines))
    return {"plugin": name, "rows": rows}


async def _say_goodbye(settings: Settings, name: str, mode: UninstallMode) -> dict[UUID, list[Mapping[str, Any]]]:
    """Call the plugin's own hooks for each tenant that uses it; return the lines it exports by tenant."""
    lines: dict[UUID, list[Mapping[str, Any]]] = {}
    async with opened(settings) as runtime:
        if name not in runtime.host.registry.plugins:
            return lines
        for tenant_id in await asyncio.to_thread(_tenants, settings.database_url, name, only_enabled=True):
            lines[tenant_id] = await _goodbye_of(runtime, tenant_id, name, mode)
    return lines


async def _goodbye_of(runtime: Runtime, tenant_id: UUID, name: str, mode: UninstallMode) -> list[Mapping[str, Any]]:
    def operate(scope: Scope) -> list[Mapping[str, Any]]:
        exported = list(scope.hooks.own("plugin_export", name) or ()) if mode is UninstallMode.EXPORT else []
        scope.hooks.own("plugin_uninstall", name, mode=mode)
        return exported

    return await runtime.run(system_actor(tenant_id), operate)


async def _welcome(settings: Settings, name: str, lines: Mapping[UUID, list[Mapping[str, Any]]]) -> None:
    async with opened(settings) as runtime:
        if name not in runtime.host.registry.plugins:
            message = f"the data of {name} is back, but its code is not loaded, so it could not check it"
            raise PluginError(message, plugin=name)
        for tenant_id, own in lines.items():
            await runtime.run(system_actor(tenant_id), partial(_take_back, name=name, lines=tuple(own)))


def _take_back(scope: Scope, *, name: str, lines: tuple[Mapping[str, Any], ...]) -> None:
    scope.hooks.own("plugin_import", name, lines=lines)


def _tenants(url: str, name: str, *, only_enabled: bool) -> list[UUID]:
    query = sa.select(plugin_tenant.c.tenant_id).where(plugin_tenant.c.plugin == name)
    if only_enabled:
        query = query.where(plugin_tenant.c.enabled.is_(True))
    return in_transaction(url, lambda connection: list(connection.execute(query).scalars()), read_only=True)
