"""An application in this process whose plugins run in one tier, as a stage for recorded scenarios and for tests."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from compat_tests.client import Answer
from compat_tests.console import Done
from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.app import create_app
from crm_core.errors import CrmError
from crm_core.identity.tenants import furnished, make_principal_key
from crm_core.jobs.scheduler import run_due
from crm_core.outbox import drain
from crm_core.plugin_host.install import install
from crm_core.plugins.removal import remove, restore
from crm_core.runtime import opened
from crm_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar
    from uuid import UUID

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.plugin_host.tiers import Tier

    T = TypeVar("T")

_KEPT_HEADERS = ("etag", "location", "crm-warnings")
_API = "/api/v1"
_OUTSIDE = ("/health", "/docs", "/openapi.json", "/api/")


class LocalServer:
    """The application over a database of its own; every stage is a fresh tenant."""

    def __init__(self, url: str, plugins: Sequence[Discovered], tier: Tier, folder: Path, **options: Any) -> None:
        self.url = url
        self.plugins = plugins
        self.tier = tier
        self.folder = folder
        self.settings = Settings(database_url=url, background=False, plugin_tier=tier.value, **options)
        self.runner = asyncio.Runner()
        for plugin in plugins:
            self.install(plugin.id)
        self.open()

    def install(self, plugin: str) -> None:
        """Install a plugin, its code in the server's tier."""
        tiers = {plugin: self.tier}
        install(
            self.url, self.plugins, plugin, core_version=__version__, actor="test", tiers=tiers, settings=self.settings
        )

    def open(self) -> None:
        """Start serving."""
        self._opened = opened(self.settings, discovered=self.plugins)
        self.runtime = self.run(self._opened.__aenter__())
        # A failure of the server is an answer to compare, too.
        transport = httpx.ASGITransport(create_app(self.runtime), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://crm")

    def close(self) -> None:
        """Stop serving; ``open`` begins anew."""
        self.run(self.client.aclose())
        self.run(self._opened.__aexit__(None, None, None))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the application's event loop."""
        return self.runner.run(coroutine)

    def stage(self, key: str) -> LocalStage:
        """Return a fresh tenant."""
        tenant_id, operation = furnished(key, key.title())
        made = self.run(self.runtime.run(system_actor(tenant_id), operation))
        return LocalStage(self, tenant_id, {"administrator": made.api_key})


@contextmanager
def local_server(
    url: str, plugins: Sequence[Discovered], tier: Tier, folder: Path, **options: Any
) -> Iterator[LocalServer]:
    """Serve for the length of a block."""
    server = LocalServer(url, plugins, tier, folder, **options)
    try:
        yield server
    finally:
        server.close()
        server.runner.close()


@dataclass
class LocalStage:
    """One tenant with an actor per role; see ``compat_tests.replay.Stage``."""

    server: LocalServer
    tenant_id: UUID
    keys: dict[str, str]

    def request(
        self, method: str, path: str, *, role: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the application as an actor of that role."""
        sent = {"authorization": f"Bearer {self._key(role)}", **(headers or {})}
        content = None if body is None else json.dumps(body).encode()
        where = path if path.startswith(_OUTSIDE) else _API + path
        response = self.server.run(self.server.client.request(method, where, content=content, headers=sent))
        kept = {name: value for name in _KEPT_HEADERS if (value := response.headers.get(name))}
        is_json = response.headers.get("content-type", "").endswith("json")
        return Answer(response.status_code, response.json() if is_json else response.text or None, kept)

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Ask as the administrator."""
        return self.request(method, path, role="administrator", body=body)

    def relay(self) -> Done:
        """Deliver what was committed."""
        report = self.server.run(drain(self.server.runtime))
        return Done(1 if report.failures else 0, str(report), "")

    def job(self, plugin: str, name: str) -> Done:
        """Run a job of this tenant now, due or not."""
        report = self.server.run(
            run_due(self.server.runtime, plugin=plugin, job=name, tenant_id=self.tenant_id, force=True)
        )
        runs = [(run.plugin, run.name, run.error) for run in report.runs]
        return Done(1 if report.failed else 0, str(runs), "")

    def reinstall(self, plugin: str, data: str) -> Done:
        """Uninstall a plugin, install it again and bring back what was exported; the application starts anew."""
        server, file = self.server, self.server.folder / f"{self.tenant_id}.export"
        export = file if data == "export" else None
        server.close()
        try:
            remove(server.settings, plugin, export=export, purge=False, actor="test", discovered=server.plugins)
            server.install(plugin)
            if export is not None:
                restore(server.settings, plugin, file, actor="test", discovered=server.plugins)
        except CrmError as error:
            return Done(1, "", error.message)
        finally:
            server.open()
        return Done(0, "", "")

    def _key(self, role: str) -> str:
        if role not in self.keys:
            made = self.server.runtime.run(
                system_actor(self.tenant_id), lambda scope: make_principal_key(scope, role, role, "test")
            )
            self.keys[role] = self.server.run(made)
        return self.keys[role]
