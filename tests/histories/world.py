"""An installation that is changed as its operator would: stopped, changed, started again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.app import create_app
from crm_core.audit.sealer import seal
from crm_core.audit.verifier import verify
from crm_core.errors import PluginError
from crm_core.identity.tenants import furnished
from crm_core.imports.mapping import parse_mapping
from crm_core.imports.service import Request, import_file
from crm_core.plugin_host.install import install
from crm_core.plugin_host.tiers import Tier
from crm_core.plugins.removal import remove
from crm_core.runtime import opened
from crm_core.settings import Settings
from tests.support.app import BlockingClient, RunningApp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from uuid import UUID

    from crm_core.imports.service import Outcome
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.runtime import Runtime

_MAPPING = b"""
[[record]]
record_type = "account"
system = "histories"
ext_id = "{name}"
[record.fields]
name = { column = "name" }
description = { column = "description" }
"""


class World:
    """A database with two tenants and the packages that are installed beside it."""

    def __init__(self, url: str, folder: Path) -> None:
        """Start on a migrated database without plugins."""
        # The first failure opens the breaker and its rest is over at once: no clock decides what happens next.
        self._settings = Settings(
            database_url=url, background=False, plugin_tier="in_process", breaker_failures=1, breaker_rest_seconds=0.0
        )
        self.url = url
        self.packages: dict[str, Discovered] = {}
        self._folder = folder
        self._keys: dict[tuple[UUID, str], str] = {}
        self._runner = asyncio.Runner()
        self._open: AbstractAsyncContextManager[Runtime] | None = None
        self.client, self.other = self._start(None)

    def _start(self, tenants: tuple[UUID, UUID] | None) -> tuple[BlockingClient, BlockingClient]:
        self._open = opened(self._settings, discovered=tuple(self.packages.values()))
        runtime = self._runner.run(self._open.__aenter__())
        if tenants is None:
            tenants = (self._furnish(runtime, "main"), self._furnish(runtime, "other"))
        app = RunningApp(runtime, create_app(runtime), tenants[0], self._keys)
        return (
            BlockingClient(app, app.client(), self._runner),
            BlockingClient(app, app.client(tenant_id=tenants[1]), self._runner),
        )

    def _furnish(self, runtime: Runtime, key: str) -> UUID:
        tenant_id, operation = furnished(key, key.title())
        made = self._runner.run(runtime.run(system_actor(tenant_id), operation))
        self._keys[tenant_id, "administrator"] = made.api_key
        return tenant_id

    @property
    def runtime(self) -> Runtime:
        """The running server's."""
        return self.client.app.runtime

    @property
    def tenants(self) -> tuple[UUID, UUID]:
        """The tenant of the history and the one that nothing happens in."""
        main, other = (key for key, _ in self._keys)
        return main, other

    def stop(self) -> None:
        """Stop the server."""
        self._runner.run(self.client.app.close())
        if self._open is not None:
            self._runner.run(self._open.__aexit__(None, None, None))

    def close(self) -> None:
        """Stop the server for good."""
        self.stop()
        self._runner.close()

    def install(self, package: Discovered) -> bool:
        """Install a package and restart; tell whether that went."""
        found = {**self.packages, package.id: package}

        def change() -> None:
            install(
                self.url, tuple(found.values()), package.id, core_version=__version__, actor="test",
                tiers=dict.fromkeys(found, Tier.IN_PROCESS), settings=self._settings,
            )  # fmt: skip
            self.packages = found

        return self._while_stopped(change)

    def uninstall(self, name: str, *, purge: bool) -> bool:
        """Uninstall a plugin, its package stays; tell whether that went."""
        present = tuple(self.packages.values())
        return self._while_stopped(
            lambda: remove(self._settings, name, export=None, purge=purge, actor="test", discovered=present)
        )

    def _while_stopped(self, change: Any) -> bool:
        self.stop()
        try:
            change()
        except PluginError:
            return False
        finally:
            self.client, self.other = self._start(self.tenants)
        return True

    def load(self, rows: Sequence[tuple[str, str]]) -> Outcome:
        """Import accounts from a file: names and descriptions."""
        file = self._folder / "accounts.csv"
        file.write_text("name,description\n" + "".join(f"{name},{told}\n" for name, told in rows))
        actor = system_actor(self.tenants[0], "import")
        request = Request(file, parse_mapping(_MAPPING, "map.toml"))
        return self._runner.run(import_file(lambda function: self.runtime.run(actor, function), request))

    def all(self, client: BlockingClient, **query: str) -> list[dict[str, Any]]:
        """Return the accounts of a tenant as the REST API has them."""
        answer = client.get("/accounts", limit=200, **query)
        assert answer.status_code == httpx.codes.OK, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def audit_problems(self) -> list[str]:
        """Seal what waits and return what is wrong with the audit trails."""

        async def look() -> list[str]:
            await seal(self.runtime)
            reports = [await verify(self.runtime, tenant_id) for tenant_id in self.tenants]
            return [problem for report in reports for problem in report.problems]

        return self._runner.run(look())
