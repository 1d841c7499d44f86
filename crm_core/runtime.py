"""One process of the product: its database, its plugins and how operations run in it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.audit.sealer import seal_forever
from crm_core.catalog import CATALOG
from crm_core.db import open_database
from crm_core.db.unit import UnitOfWork, new_request_id
from crm_core.identity import epoch
from crm_core.identity.authentication import Authentication
from crm_core.jobs.scheduler import jobs_forever
from crm_core.outbox.relay import relay_forever
from crm_core.plugin_api import faults
from crm_core.plugin_api.context import context_factory
from crm_core.plugin_host.breaker import Policy
from crm_core.plugin_host.budgets import budgets_of
from crm_core.plugin_host.dispatch import Hooks, TenantPlugins
from crm_core.plugin_host.guard import Guard
from crm_core.plugin_host.health import Episode
from crm_core.plugin_host.host import PluginHost
from crm_core.records.numbers import Numbers
from crm_core.records.scope import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
    from typing import TypeVar
    from uuid import UUID

    from crm_core.actors import Actor
    from crm_core.db.connection import Connection, Database
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.records.entity import Entity
    from crm_core.settings import Settings
    from plugin_sdk import Context, Job

    T = TypeVar("T")

logger = logging.getLogger("crm_core.runtime")

_JOBS_SECONDS = 5.0


class Runtime:
    """Runs operations: opens their unit of work, commits once at the edge, or rolls back."""

    def __init__(self, settings: Settings, database: Database, host: PluginHost) -> None:
        """Use ``open``."""
        self.settings = settings
        self.database = database
        self.host = host
        self.catalog: Mapping[str, Entity] = CATALOG
        self.numbers = Numbers()
        self.guard = Guard(settings.hook_slow_ms, budgets_of(settings), Policy.of(settings))
        self.contexts = context_factory(self.catalog, self.numbers)
        self.authentication = Authentication(database)
        self._epoch = -1
        self._looked = 0.0

    @classmethod
    async def open(cls, settings: Settings, *, discovered: Sequence[Discovered] | None = None) -> Runtime:
        """Connect to a migrated database and load its plugins (``discovered`` instead of the environment's)."""
        database = await open_database(settings.database_url, pool_size=settings.pool_size)
        try:
            host = await database.run(
                lambda connection: PluginHost.start(
                    connection, core_version=__version__, discovered=discovered, settings=settings
                ),
                tenant_id=None,
                write=False,
            )
        except BaseException:
            await database.close()
            raise
        return cls(settings, database, host)

    async def close(self) -> None:
        """Close the database and end the workers of plugins."""
        await self.database.close()
        await asyncio.to_thread(self.host.close)

    def background(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the work that goes on behind the requests, one coroutine each; cancelling ends it."""
        never = asyncio.Event()
        every = self.settings.relay_seconds
        return (
            relay_forever(self, never, every),
            jobs_forever(self, never, _JOBS_SECONDS),
            seal_forever(self, never, every),
        )

    @property
    def jobs(self) -> Mapping[str, Sequence[Job]]:
        """The jobs of loaded plugins, by plugin."""
        return self.host.jobs

    async def run(
        self,
        actor: Actor,
        function: Callable[[Scope], T],
        *,
        write: bool = True,
        request_id: str | None = None,
    ) -> T:
        """Run one operation and commit it; whatever it raises, nothing of it is kept then."""
        await self.refresh()
        identifier = request_id or new_request_id()
        episode = Episode()

        def operate(connection: Connection) -> T:
            uow = UnitOfWork(connection, actor, identifier, self.forget)
            scope = Scope(uow, self.hooks(uow, episode), self.catalog, self.numbers)
            try:
                result = function(scope)
                uow.commit()
            except BaseException:
                uow.rollback()
                raise
            return result

        try:
            return await self.database.run(operate, tenant_id=actor.tenant_id, write=write)
        finally:
            if episode.eventful:
                await self._write_down(actor.tenant_id, episode, identifier)

    async def _write_down(self, tenant_id: UUID, episode: Episode, request_id: str) -> None:
        """Keep what has become of plugins; whatever goes wrong here, the operation has its answer."""
        try:
            await self.run(system_actor(tenant_id), lambda scope: faults.record(scope, episode), request_id=request_id)
        except Exception:
            logger.exception("failures of plugins of tenant %s could not be written down: %s", tenant_id, episode)
        finally:
            self.guard.end_trials(tenant_id, episode.trials)

    async def run_for_plugin(
        self, tenant_id: UUID, plugin: str, function: Callable[[Context], T], *, where: str = "its own work"
    ) -> T:
        """Run a plugin's own work (a job) with a context of its own; ``where`` names it in errors."""
        actor = system_actor(tenant_id, f"plugin {self.host.registry.plugins[plugin].label}")
        return await self.run(actor, lambda scope: scope.hooks.with_context(plugin, function, where=where))

    def hooks(self, uow: UnitOfWork, episode: Episode) -> Hooks:
        """Return the hooks of one operation."""
        return Hooks(uow, self.tenant_plugins(uow), self.contexts, self.guard, episode)

    def tenant_plugins(self, uow: UnitOfWork) -> TenantPlugins:
        """Return what the tenant has enabled."""
        return self.host.tenant(uow.connection, uow.tenant_id)

    async def refresh(self, *, now: bool = False) -> None:
        """Notice what other processes have changed; looks at the database at most every ``refresh_seconds``."""
        if not now and time.monotonic() - self._looked < self.settings.refresh_seconds:
            return
        self._looked = time.monotonic()
        value = await self.database.run(epoch.current, tenant_id=None, write=False)
        if value != self._epoch:
            self._epoch = value
            self.forget()

    def forget(self) -> None:
        """Drop everything remembered about tenants, keys and permissions."""
        self.authentication.forget()
        self.host.forget()


@asynccontextmanager
async def opened(settings: Settings, **options: Any) -> AsyncIterator[Runtime]:
    """Open a runtime for the length of a block."""
    runtime = await Runtime.open(settings, **options)
    try:
        yield runtime
    finally:
        await runtime.close()
