"""Uninstall a plugin without losing anything nobody asked to lose, and bring its data back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.actors import system_actor
from crm_core.db.migrate import in_transaction
from crm_core.plugin_host import archive
from crm_core.plugin_host.install import require_removable, uninstall
from crm_core.plugins.service import require_loaded
from crm_core.runtime import opened
from crm_core.schema import plugin_tenant
from plugin_sdk import UninstallMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.archive import Contents
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.records.scope import Scope
    from crm_core.settings import Settings


def remove(
    settings: Settings,
    name: str,
    *,
    export: Path | None,
    purge: bool,
    actor: str,
    discovered: Sequence[Discovered] | None = None,
) -> dict[str, Any]:
    """Uninstall a plugin for every tenant; say what became of its data.

    The plugin's own clean-up runs first where its code is still here. An export is complete and on disk
    before anything is dropped, and nothing is written in between.
    """
    mode = UninstallMode.PURGE if purge else UninstallMode.EXPORT if export else UninstallMode.KEEP
    url, drop = settings.database_url, mode is not UninstallMode.KEEP
    in_transaction(url, lambda connection: require_removable(connection, name, drop=drop), read_only=True)
    lines = asyncio.run(_say_goodbye(settings, name, mode, discovered))
    rows = [0]

    def write(connection: Connection) -> None:
        if export is not None:
            rows[0] = archive.write(connection, name, export, lines)

    uninstall(url, name, drop=drop, actor=actor, before_drop=write)
    told = {UninstallMode.KEEP: "kept", UninstallMode.EXPORT: f"in {export}", UninstallMode.PURGE: "dropped"}
    return {"plugin": name, "mode": mode.value, "data": told[mode], "rows": rows[0]}


def restore(
    settings: Settings, name: str, file: Path, *, actor: str, discovered: Sequence[Discovered] | None = None
) -> dict[str, Any]:
    """Bring an export back into the installed plugin's tables and let the plugin check it: all of it or nothing."""
    contents = archive.read(file, name)
    return {"plugin": name, "rows": asyncio.run(_restore(settings, name, contents, actor, discovered))}


async def _restore(
    settings: Settings, name: str, contents: Contents, actor: str, discovered: Sequence[Discovered] | None
) -> int:
    url = settings.database_url
    async with opened(settings, discovered=discovered) as runtime:
        require_loaded(runtime.host.registry, name)
        rows = await asyncio.to_thread(archive.load, url, name, contents, actor=actor)
        try:
            for tenant_id, own in contents.lines.items():
                await runtime.run(system_actor(tenant_id), partial(_take_back, name=name, lines=tuple(own)))
        except BaseException:
            await asyncio.to_thread(archive.clear, url, name)
            raise
    return rows


async def _say_goodbye(
    settings: Settings, name: str, mode: UninstallMode, discovered: Sequence[Discovered] | None
) -> dict[UUID, list[Mapping[str, Any]]]:
    """Call the plugin's own hooks for each tenant that uses it; return the lines it exports by tenant."""
    lines: dict[UUID, list[Mapping[str, Any]]] = {}
    async with opened(settings, discovered=discovered) as runtime:
        if name not in runtime.host.registry.plugins:
            return lines
        for tenant_id in await asyncio.to_thread(_tenants, settings.database_url, name):
            lines[tenant_id] = await runtime.run(system_actor(tenant_id), partial(_goodbye, name=name, mode=mode))
    return lines


def _goodbye(scope: Scope, *, name: str, mode: UninstallMode) -> list[Mapping[str, Any]]:
    exported = list(scope.hooks.own("plugin_export", name) or ()) if mode is UninstallMode.EXPORT else []
    scope.hooks.own("plugin_uninstall", name, mode=mode)
    return exported


def _take_back(scope: Scope, *, name: str, lines: tuple[Mapping[str, Any], ...]) -> None:
    scope.hooks.own("plugin_import", name, lines=lines)


def _tenants(url: str, name: str) -> list[UUID]:
    query = sa.select(plugin_tenant.c.tenant_id).where(
        plugin_tenant.c.plugin == name, plugin_tenant.c.enabled.is_(True)
    )
    return in_transaction(url, lambda connection: list(connection.execute(query).scalars()), read_only=True)
