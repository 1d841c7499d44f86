"""The real application inside the test process: a runtime, its ASGI application and clients over no network.

Tests that need one request after another take the fixture ``client`` (``tests/crm_core/conftest.py``). Tests that need
many at once write a coroutine and run it::

    def test_both_win(database_url: str) -> None:
        async def scenario() -> None:
            async with running(database_url) as app:
                client = app.client(role="sales")
                answers = await asyncio.gather(*(client.post("/accounts", json={"name": "A"}) for _ in range(2)))
                assert [answer.status_code for answer in answers] == [201, 201]

        run(scenario())
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.app import create_app
from crm_core.identity.tenants import furnished, make_principal_key
from crm_core.plugin_host.install import install
from crm_core.plugin_host.tiers import Tier
from crm_core.plugins.service import enable
from crm_core.runtime import opened
from crm_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
    from typing import TypeVar
    from uuid import UUID

    from fastapi import FastAPI

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.records.scope import Scope
    from crm_core.runtime import Runtime

    T = TypeVar("T")

_TIMEOUT = 60
_BASE_URL = "http://crm/api/v1"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine to its end; one that hangs fails after a minute."""
    return asyncio.run(limited(coroutine))


async def limited(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine, but no longer than a minute."""
    async with asyncio.timeout(_TIMEOUT):
        return await coroutine


@dataclass
class RunningApp:
    """An application over a database of the test's own, with one tenant."""

    runtime: Runtime
    app: FastAPI
    tenant_id: UUID
    keys: dict[tuple[UUID, str], str] = field(default_factory=dict)
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, role: str = "administrator", *, tenant_id: UUID | None = None) -> httpx.AsyncClient:
        """Return a client of a user with that role; paths are relative to ``/api/v1``."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url=_BASE_URL,
            auth=_Key(self, role, tenant_id or self.tenant_id),
        )
        self._clients.append(client)
        return client

    async def key(self, role: str, tenant_id: UUID) -> str:
        """Return the API key of the tenant's user with that role, made at its first use."""
        if (tenant_id, role) not in self.keys:
            self.keys[tenant_id, role] = await self.as_system(
                lambda scope: make_principal_key(scope, role, role, "test"), tenant_id=tenant_id
            )
        return self.keys[tenant_id, role]

    async def as_system(
        self, function: Callable[[Scope], T], *, write: bool = True, tenant_id: UUID | None = None
    ) -> T:
        """Run a service as the core itself, past HTTP."""
        return await self.runtime.run(system_actor(tenant_id or self.tenant_id), function, write=write)

    async def add_tenant(self, key: str) -> UUID:
        """Add another tenant and return its id."""
        tenant_id, operation = furnished(key, key.title())
        self.keys[tenant_id, "administrator"] = (await self.runtime.run(system_actor(tenant_id), operation)).api_key
        return tenant_id

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            await client.aclose()


class _Key(httpx.Auth):
    """Sends the key of a role, which is made when it is first needed."""

    def __init__(self, app: RunningApp, role: str, tenant_id: UUID) -> None:
        self._app, self._role, self._tenant_id = app, role, tenant_id

    async def async_auth_flow(self, request: httpx.Request) -> Any:
        key = await self._app.key(self._role, self._tenant_id)
        request.headers["authorization"] = f"Bearer {key}"
        yield request


@asynccontextmanager
async def running(
    url: str,
    *,
    plugins: Sequence[Discovered] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    tier: str = "in_process",
    install_url: str | None = None,
    **options: Any,
) -> AsyncIterator[RunningApp]:
    """Open an application over a migrated database, with a fresh tenant.

    ``plugins`` (see ``tests.support.plugins``) are installed and enabled for it, with their ``settings`` by plugin;
    ``tier`` is where their code runs, ``install_url`` is for a database whose login may not install.
    ``options`` are those of ``Settings``. Nothing runs in the background unless a test starts it.
    """
    wanted = Settings(database_url=url, **{"background": False, "plugin_tier": tier, **options})
    taking = partial(install, install_url or url, plugins, core_version=__version__, actor="test", settings=wanted)
    for plugin in plugins:
        tiers = {plugin.id: Tier(wanted.plugin_tier)} if wanted.plugin_tier != "auto" else None
        await asyncio.to_thread(taking, plugin.id, tiers=tiers)
    async with opened(wanted, discovered=plugins) as runtime:
        tenant_id, operation = furnished("main", "Main")
        made = await runtime.run(system_actor(tenant_id), operation)
        app = RunningApp(runtime, create_app(runtime), tenant_id, {(tenant_id, "administrator"): made.api_key})
        for plugin in plugins:
            given = (settings or {}).get(plugin.id)
            await app.as_system(lambda scope, name=plugin.id, given=given: enable(scope, name, given))  # type: ignore[misc]
        try:
            yield app
        finally:
            await app.close()


@dataclass
class BlockingClient:
    """One user of a running application, for tests without a coroutine: each call waits for its answer."""

    app: RunningApp
    http: httpx.AsyncClient
    runner: asyncio.Runner

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine in the application's event loop."""
        return self.runner.run(limited(coroutine))

    def as_system(self, function: Callable[[Scope], T], *, write: bool = True) -> T:
        """Run a service as the core itself, past HTTP."""
        return self.run(self.app.as_system(function, write=write))

    def role(self, role: str) -> BlockingClient:
        """Return a client of another role."""
        return BlockingClient(self.app, self.app.client(role), self.runner)

    def get(self, path: str, **params: Any) -> httpx.Response:
        """Read; parameters become the query."""
        return self.run(self.http.get(path, params=params))

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Post JSON; keyword arguments become headers, ``if_match`` for instance."""
        return self.run(self.http.post(path, json={} if body is None else body, headers=_headers(headers)))

    def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Change."""
        return self.run(self.http.patch(path, json=body, headers=_headers(headers)))

    def delete(self, path: str, **headers: str) -> httpx.Response:
        """Delete."""
        return self.run(self.http.delete(path, headers=_headers(headers)))

    def made(self, path: str, body: Any) -> dict[str, Any]:
        """Create a record and return it; anything but 201 fails the test with the answer."""
        answer = self.post(path, body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        record: dict[str, Any] = answer.json()
        return record


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
