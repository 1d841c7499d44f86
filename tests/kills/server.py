"""A ``crm serve`` that tests kill: a process of its own, on a real port, with the plugins it finds installed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.kills.fighters import TIERS
from tests.kills.processes import await_end, children, command_line, kill

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).parents[2]
_LISTENING = re.compile(r"listening on (http://\S+)")
_SETTINGS = {
    "CRM_PLUGIN_TIERS": TIERS,
    # A worker that is killed again and again is a plugin that fails: here it must go on being called.
    "CRM_BREAKER_FAILURES": "1000000",
    # What is tried here is not how fast a busy machine answers.
    "CRM_HOOK_WALL_MS": "20000",
    "CRM_RELAY_SECONDS": "0.2",
}


@dataclass(slots=True)
class Server:
    """The process of the moment; ``start`` again after ``kill``."""

    database_url: str
    packages: Path
    log: Path
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    address: str = field(default="", init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "crm_core.cli", "serve", "--port", "0", "--database", self.database_url]
        with self.log.open("a", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=self._environment(), cwd=self.packages
            )
        if self.process.stdout is None:
            raise RuntimeError("the server was started without a pipe")
        found = _LISTENING.search(self.process.stdout.readline())
        if found is None:
            raise AssertionError(f"the server did not start: {self.last_words()}")
        self.address = found[1]

    def workers(self) -> list[int]:
        """Return the processes that plugins run in."""
        return [pid for pid in children(self.pid) if "crm_core.isolation.worker" in command_line(pid)]

    @property
    def pid(self) -> int:
        """The process id."""
        if self.process is None:
            raise RuntimeError("the server has not been started")
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Kill it; its workers must go with it."""
        workers = self.workers()
        kill([self.pid])
        self._reap()
        await_end(workers)

    def stop(self) -> None:
        """End it as an operator would."""
        if self.alive and self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self._reap()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the product as the operator of this installation."""
        return subprocess.run(
            [sys.executable, "-m", "crm_core.cli", *arguments, "--database", self.database_url],
            env=self._environment(),
            cwd=self.packages,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _environment(self) -> Mapping[str, Any]:
        paths = os.pathsep.join([str(self.packages), str(_ROOT)])
        return {**os.environ, **_SETTINGS, "PYTHONPATH": paths}

    def _reap(self) -> None:
        if self.process is not None:
            self.process.wait(60)
            if self.process.stdout is not None:
                self.process.stdout.close()
