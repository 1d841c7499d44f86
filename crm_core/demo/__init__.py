"""The demo: a tenant with real plugins and data that came in through the public import."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.audit.sealer import seal
from crm_core.db.migrate import migrate
from crm_core.identity.tenants import NewTenant, furnished
from crm_core.imports.mapping import parse_mapping
from crm_core.imports.service import Request, import_file
from crm_core.jobs.scheduler import run_due
from crm_core.outbox.relay import drain
from crm_core.plugin_host.discovery import discover
from crm_core.plugin_host.install import install
from crm_core.plugins.service import enable
from crm_core.runtime import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from crm_core.runtime import Runtime
    from crm_core.settings import Settings

FOLDER = Path(__file__).parent
FILES = ("accounts", "contacts", "leads", "opportunities", "orders")


def prepare(settings: Settings, tell: Callable[[str], None]) -> NewTenant:
    """Make the demo in an empty database: plugins installed and enabled, data imported, events delivered."""
    url = settings.database_url
    migrate(url)
    found = discover()
    usable = [each for each in found if each.manifest is not None]
    for each in usable:
        install(url, found, each.id, core_version=__version__, actor="demo")
        tell(f"plugin {each.label} installed")
    if not usable:
        tell("no plugins in this environment: the core alone")
    return asyncio.run(_fill(settings, [each.id for each in usable], tell))


async def _fill(settings: Settings, plugins: list[str], tell: Callable[[str], None]) -> NewTenant:
    async with opened(settings) as runtime:
        tenant_id, operation = furnished("demo", "Demo")
        made: NewTenant = await runtime.run(system_actor(tenant_id), operation)
        for plugin in plugins:
            await runtime.run(system_actor(tenant_id), partial(enable, name=plugin, settings=None))
        for name in FILES:
            tell(await _import(runtime, tenant_id, name))
        delivered = await drain(runtime)
        await run_due(runtime)
        sealed = await seal(runtime)
        tell(f"{delivered.deliveries} events delivered to plugins, {sealed.events} audit events sealed")
    return made


async def _import(runtime: Runtime, tenant_id: UUID, name: str) -> str:
    mapping_file = FOLDER / f"{name}.toml"
    mapping = parse_mapping(mapping_file.read_bytes(), mapping_file.name)
    actor = system_actor(tenant_id, "demo import")
    request = Request(FOLDER / f"{name}.csv", mapping)
    outcome = await import_file(lambda function: runtime.run(actor, function), request)
    return f"{name}: {outcome.count('created')} records created, {outcome.failed} rows refused"
