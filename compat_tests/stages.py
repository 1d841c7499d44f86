"""Fresh tenants of a cell's server, one per scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_tests.client import Answer, Client
from compat_tests.errors import EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compat_tests.console import Console, Done

__all__ = ["TenantStage"]


class TenantStage:
    """One tenant with an actor per role."""

    def __init__(self, console: Console, tenant: str) -> None:
        self._console = console
        self._tenant = tenant
        made = console.run("tenant", "create", tenant, "--name", tenant, "--json")
        answer = made.json()
        if made.code != 0 or not isinstance(answer, dict) or "api_key" not in answer:
            raise EnvironmentFailure(f"crm tenant create {tenant}: exit code {made.code}: {made.last_line}")
        self._client = Client(console.url, {"administrator": str(answer["api_key"])}, self._issue_key)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def request(
        self, method: str, path: str, *, role: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the server as an actor of that role."""
        return self._client.request(method, path, role=role, body=body, headers=headers)

    def relay(self) -> Done:
        """Deliver what was committed."""
        return self._console.run("outbox", "relay", "--once", "--json")

    def job(self, plugin: str, name: str) -> Done:
        """Run a job of this tenant now, due or not."""
        of = ("--plugin", plugin, "--job", name, "--tenant", self._tenant)
        return self._console.run("jobs", "run", "--once", *of, "--now", "--json")

    def reinstall(self, plugin: str, data: str) -> Done:
        """Uninstall a plugin, install it again and bring back what was exported; the server restarts."""
        file = self._console.folder / f"{plugin}-{self._tenant}.export"
        how = ("--export", str(file)) if data == "export" else ("--keep",)
        lines = [("uninstall", plugin, *how), ("install", plugin)]
        lines += [("import", plugin, str(file))] if data == "export" else []
        self._console.stop()
        for line in lines:
            done = self._console.run("plugin", *line, "--json")
            if done.code != 0:
                break
        ended = self._console.serve()
        self._client.move(self._console.url)
        return ended or done

    def _issue_key(self, role: str) -> str:
        of = ("--tenant", self._tenant, "--login", f"{role}@example.com", "--role", role)
        made = self._console.run("key", "create", *of, "--json")
        answer = made.json()
        if made.code != 0 or not isinstance(answer, dict):
            raise EnvironmentFailure(f"crm key create for the role {role}: exit code {made.code}: {made.last_line}")
        return str(answer["api_key"])
