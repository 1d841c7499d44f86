"""A real core of this test run: a database of its own, plugins installed, served on a free port."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from plugin_sdk.testing.command import Command, clean_environment, find_command
from plugin_sdk.testing.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["CrmServer"]

DATABASE: Final = "CRM_TEST_DATABASE_URL"
TIER: Final = "CRM_TEST_PLUGIN_TIER"


class CrmServer:
    """A core that runs until the ``with`` block ends; relay and jobs run only when a test asks for them.

    The database is a SQLite file in a temporary folder, or the one that ``CRM_TEST_DATABASE_URL`` names, used as it
    is. ``CRM_TEST_PLUGIN_TIER`` says where plugins run, ``in_process`` or ``isolated``; without it the core decides.
    ``plugins`` are installed before the server starts: they must be packages of this environment.
    """

    def __init__(self, plugins: Sequence[str] = (), *, program: Sequence[str] | None = None) -> None:
        """Start nothing yet; ``program`` is how to start ``crm``, by default the one of this environment."""
        self.plugins: list[str] = []
        self.url = ""
        # What `init` answered: the tenant `main` and its key; empty where a given database had that tenant already.
        self.main: dict[str, Any] = {}
        self._wanted = tuple(plugins)
        self._program = program
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._command: Command | None = None
        self._port = 0
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        """Make the database, install the plugins and serve."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and clear up."""
        self.stop()

    @property
    def command(self) -> Command:
        """The command ``crm`` with this server's database."""
        if self._command is None:
            raise RuntimeError("the server has not been started; use it in a `with` block or call start()")
        return self._command

    @property
    def output(self) -> str:
        """What the running server has written so far."""
        return self._process.output if self._process else ""

    def start(self) -> None:
        """Make the database, install the plugins and serve; clear up if any of that fails."""
        self._folder = tempfile.TemporaryDirectory(prefix="crm-test-")
        file = Path(self._folder.name) / "crm.db"
        url = os.environ.get(DATABASE, f"sqlite:///{file.as_posix()}")
        # Refresh: what commands change (keys, tenants) holds for the next request, not half a second later.
        settings = {"CRM_DATABASE_URL": url, "CRM_BACKGROUND": "false", "CRM_REFRESH_SECONDS": "0"}
        if TIER in os.environ:
            settings["CRM_PLUGIN_TIER"] = os.environ[TIER]
        try:
            self._command = Command(tuple(self._program or find_command()), clean_environment(**settings))
            self.main = self._prepare(given=DATABASE in os.environ)
            for plugin in self._wanted:
                self._install(plugin)
            self.serve()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop serving and remove the temporary folder; may be called again."""
        try:
            self.pause()
        finally:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def serve(self) -> None:
        """Serve the database; a server that was paused comes back at the same address."""
        process = ServerProcess(self.command, self._port)
        try:
            self.url, self._port = process.address()
        except BaseException:
            process.end()
            raise
        self._process = process

    def pause(self) -> None:
        """Stop serving and keep the database."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def install(self, *plugins: str) -> None:
        """Install those of the plugins that are not installed; the server restarts, because it loads code at start."""
        missing = [plugin for plugin in plugins if plugin not in self.plugins]
        if not missing:
            return
        self.pause()
        for plugin in missing:
            self._install(plugin)
        self.serve()

    def uninstall(self, plugin: str, *options: str) -> None:
        """Uninstall a plugin, by default keeping its data (``--purge``, ``--export FILE``); the server restarts."""
        self.pause()
        try:
            self.command.run("plugin", "uninstall", plugin, *(options or ("--keep",)))
            self.plugins.remove(plugin)
        finally:
            self.serve()

    def _prepare(self, *, given: bool) -> dict[str, Any]:
        """Make the schema and the tenant ``main``; a given database may have both from an earlier run."""
        if given:
            self.command.run("migrate")
            if any(tenant["tenant"] == "main" for tenant in self.command.json("tenant", "list")):
                return {}
        made: dict[str, Any] = self.command.json("init")
        return made

    def _install(self, plugin: str) -> None:
        self.command.run("plugin", "install", plugin)
        self.plugins.append(plugin)
