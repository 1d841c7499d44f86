"""The fixture ``crm``: one fresh tenant of the real core, and what tests do with it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from plugin_sdk.testing.client import Client
from plugin_sdk.testing.installed import PluginNotFound, with_required

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from plugin_sdk.testing.server import CrmServer

__all__ = ["Crm"]

_OK, _NO_CONTENT = 200, 204


class Crm:
    """A tenant of its own for one test: ``client`` acts as its administrator.

    Where a method takes a plugin id, leaving it out means the plugin under test.
    """

    def __init__(self, server: CrmServer, plugin: str | None = None) -> None:
        """Make the tenant."""
        self.server = server
        self.plugin = plugin
        self.tenant = f"t{uuid.uuid4().hex[:12]}"
        made = server.command.json("tenant", "create", self.tenant, "--name", f"Test {self.tenant}")
        self.tenant_id = str(made["tenant_id"])
        self.client = Client(server.url, str(made["api_key"]), self._issue_key)
        self._others: list[Crm] = []

    def close(self) -> None:
        """Close the connections of this tenant's clients and of those of ``another``."""
        for other in self._others:
            other.close()
        self.client.close()

    def another(self) -> Crm:
        """Return a second fresh tenant of the same server."""
        other = Crm(self.server, self.plugin)
        self._others.append(other)
        return other

    def plugins(self) -> dict[str, dict[str, Any]]:
        """Return what ``GET /api/v1/plugins`` tells this tenant, by plugin id."""
        return {str(one["id"]): one for one in self.client.list("plugins")}

    def enable(self, plugin_id: str | None = None, /, **settings: Any) -> None:
        """Enable a plugin, after the plugins it requires; without settings it keeps those it had."""
        plugin = self._chosen(plugin_id)
        *required, _ = with_required(plugin)
        for needed in required:
            if not self.is_enabled(needed):
                self._enable(needed, {})
        self._enable(plugin, {"settings": settings} if settings else {})

    def disable(self, plugin_id: str | None = None) -> None:
        """Disable a plugin for this tenant; its data stays."""
        self.client.expect(_NO_CONTENT, "POST", f"plugins/{self._chosen(plugin_id)}/disable")

    def is_enabled(self, plugin_id: str | None = None) -> bool:
        """Say whether this tenant has a plugin enabled."""
        return bool(self.plugins().get(self._chosen(plugin_id), {}).get("enabled"))

    def relay(self) -> Any:
        """Deliver what has been committed to ``record_committed`` and ``stage_entered``; return the counts."""
        return self.server.command.json("outbox", "relay", "--once")

    def run_job(self, name: str, plugin_id: str | None = None) -> Any:
        """Run one job for this tenant now, due or not; return what the core says of it."""
        plugin = self._chosen(plugin_id)
        return self.server.command.json(
            "jobs", "run", "--once", "--plugin", plugin, "--job", name, "--tenant", self.tenant, "--now"
        )

    def audit(self, record_id: str) -> list[dict[str, Any]]:
        """Return the audit trail of a record."""
        return self.client.list("audit", record_id=record_id)

    def show(self, plugin_id: str | None = None) -> Mapping[str, Any]:
        """Return what ``crm plugin show`` tells of a plugin."""
        shown: Mapping[str, Any] = self.server.command.json("plugin", "show", self._chosen(plugin_id))
        return shown

    def install(self, plugin_id: str | None = None) -> None:
        """Install a plugin and those it requires, for all tenants of the server; it restarts where any is new."""
        self.server.install(*with_required(self._chosen(plugin_id)))

    def uninstall(self, plugin_id: str | None = None, *, purge: bool = False, export: Path | None = None) -> None:
        """Uninstall a plugin for all tenants of the server, keeping, purging or exporting its data."""
        if purge and export is not None:
            raise ValueError("uninstall(purge=True, export=...): an export purges after it has written; choose one")
        options = ["--purge"] if purge else ["--export", str(export)] if export is not None else ["--keep"]
        self.server.uninstall(self._chosen(plugin_id), *options)

    def import_(self, file: Path, plugin_id: str | None = None) -> Any:
        """Bring back the data that ``uninstall(export=file)`` has written."""
        return self.server.command.json("plugin", "import", self._chosen(plugin_id), str(file))

    def _enable(self, plugin: str, body: object) -> None:
        self.client.expect(_OK, "POST", f"plugins/{plugin}/enable", json=body)

    def _issue_key(self, role: str) -> str:
        made = self.server.command.json(
            "key", "create", "--tenant", self.tenant, "--login", f"{role}@example.com", "--role", role
        )
        return str(made["api_key"])

    def _chosen(self, plugin_id: str | None) -> str:
        chosen = plugin_id or self.plugin
        if chosen is None:
            raise PluginNotFound(
                "no plugin is under test here; name one, set `crm_plugin = <id>` in pytest's settings, "
                "or install the project that the tests lie in"
            )
        return chosen
