"""A real runtime with two test plugins, for tests of relay, sealer and jobs.

`python -m tests.support.background URL` delivers everything due: the process that tests kill.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.db.migrate import in_transaction
from crm_core.db.names import sqlite_text
from crm_core.db.rights import PluginRights
from crm_core.db.roles import as_plugin_owner
from crm_core.db.statements import Statement
from crm_core.identity.tenants import add_tenant
from crm_core.outbox import drain
from crm_core.plugin_host import namespace
from crm_core.plugin_host.discovery import Discovered
from crm_core.plugin_host.install import install
from crm_core.plugins.service import disable, enable
from crm_core.records.change import update
from crm_core.records.create import create
from crm_core.runtime import Runtime, opened
from crm_core.settings import Settings
from plugin_sdk import HOOKS, Manifest
from plugin_sdk.ids import new_id
from tests.support.background_plugins import steady, troubled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from crm_core.records.scope import Scope

_MANIFEST = """
[plugin]
id = "{id}"
name = "{id}"
version = "1.0.0"
summary = "Notes events."
sdk = ">=0.1,<1"
core = ">=0.1,<1"
[capabilities]
api = ["account:create", "account:read"]
[hooks.record_committed]
record_types = ["account", "opportunity"]
[hooks.scheduled_jobs]
"""


def discovered() -> list[Discovered]:
    """Return the two plugins as if their packages were installed."""
    found = []
    for module in (steady, troubled):
        name = module.__name__.rpartition(".")[2]
        text = _MANIFEST.format(id=name) + ("[hooks.stage_entered]\n" if name == "steady" else "")
        manifest = Manifest.parse(text.encode(), source=name, known_hooks=HOOKS.keys())
        found.append(Discovered(name, "tests", None, module.__name__, manifest))
    return found


def install_plugins(url: str) -> None:
    """Install both plugins and make their tables."""

    def make(connection: Connection) -> None:
        for plugin, table in (("steady", steady.SEEN), ("troubled", troubled.SEEN)):
            namespace.admit(connection, plugin)
            ddl = str(sa.schema.CreateTable(table).compile(dialect=connection.dialect))
            with as_plugin_owner(connection, plugin):
                connection.exec_driver_sql(sqlite_text(ddl) if connection.dialect.name == "sqlite" else ddl)

    in_transaction(url, make)
    for plugin in discovered():
        install(url, discovered(), plugin.id, core_version=__version__, actor="tests")


@dataclass(slots=True)
class World:
    """An open runtime and one tenant of it."""

    url: str
    runtime: Runtime
    tenant_id: UUID

    async def run(self, function: Callable[[Scope], Any]) -> Any:
        """Run an operation of the core for the tenant."""
        return await self.runtime.run(system_actor(self.tenant_id), function)

    async def account(self, name: str) -> UUID:
        """Create an account."""
        row = await self.run(lambda scope: create(scope, scope.entity("account"), {"name": name}))
        made: UUID = row["id"]
        return made

    async def rename(self, account_id: UUID, name: str) -> None:
        """Change an account."""
        await self.run(lambda scope: update(scope, scope.entity("account"), account_id, {"name": name}))

    async def enable(self, *plugins: str) -> None:
        """Enable plugins."""
        for plugin in plugins:
            await self.run(partial(enable, name=plugin, settings=None))
        await self.runtime.refresh(now=True)

    async def disable(self, plugin: str) -> None:
        """Disable a plugin."""
        await self.run(lambda scope: disable(scope, plugin))
        await self.runtime.refresh(now=True)

    async def rows(self, statement: Any) -> list[tuple[Any, ...]]:
        """Run a SELECT as the tenant."""
        return [tuple(row) for row in await self.run(lambda scope: scope.uow.fetch(Statement(statement), {}))]

    async def execute(self, statement: Any) -> int:
        """Write directly, as somebody with the password of the tables' owner could."""

        def change(connection: Connection) -> int:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.func.set_config("crm.tenant", str(self.tenant_id), True))  # noqa: FBT003 - SQL
            changed: int = connection.execute(statement).rowcount
            return changed

        return await asyncio.to_thread(in_transaction, self.url, change)

    async def seen(self, plugin: Any) -> list[tuple[str, str]]:
        """Return what a plugin has noted, in the order in which it received it (by event id)."""
        table, name = plugin.SEEN, plugin.__name__.rpartition(".")[2]
        noted = Statement(sa.select(table.c.name, table.c.what).order_by(table.c.event_id, table.c.what))
        rights = PluginRights(name, f"{name}@1.0.0")
        rows = await self.run(lambda scope: scope.uow.fetch(noted, {}, rights))
        return [(str(row[0]), str(row[1])) for row in rows]


@asynccontextmanager
async def world(url: str, *enabled: str) -> AsyncIterator[World]:
    """Open a database with both plugins installed and a new tenant that has enabled some of them."""
    await asyncio.to_thread(install_plugins, url)
    steady.EVENTS.clear()
    steady.RUNS.clear()
    troubled.CURED.clear()
    async with opened(_settings(url), discovered=discovered()) as runtime:
        here = World(url, runtime, new_id())
        await here.run(lambda scope: add_tenant(scope, "main", "Main"))
        await here.enable(*enabled)
        yield here


@asynccontextmanager
async def another_process(here: World, *packages: str) -> AsyncIterator[World]:
    """Open the same database once more, as another process would; with ``packages``, where only these are present."""
    present = [each for each in discovered() if not packages or each.id in packages]
    async with opened(_settings(here.url), discovered=present) as runtime:
        yield World(here.url, runtime, here.tenant_id)


def _settings(url: str) -> Settings:
    return Settings(database_url=url, plugin_tier="in_process", pool_size=6, background=False)


async def _relay(url: str) -> None:
    async with opened(_settings(url), discovered=discovered()) as runtime:
        await drain(runtime)


if __name__ == "__main__":
    asyncio.run(_relay(sys.argv[1]))
