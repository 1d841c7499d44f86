"""The process of ``crm serve``: started, waited for, ended, its output kept."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import IO, TYPE_CHECKING, Final

from plugin_sdk.testing.command import CommandError

if TYPE_CHECKING:
    from plugin_sdk.testing.command import Command

__all__ = ["ServerProcess"]

_READY: Final = re.compile(r"listening on (http://\S+:([0-9]+))")
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0


class ServerProcess:
    """One ``crm serve``, and a thread that reads what it writes."""

    def __init__(self, command: Command, port: int) -> None:
        """Start it on a port, 0 for any free one."""
        self._line = command.line("serve", "--host", "127.0.0.1", "--port", str(port))
        self._written: list[str] = []
        self._ready = threading.Event()
        # The command line is the test's own, and no shell reads it.
        self._process = subprocess.Popen(  # noqa: S603
            self._line,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has written so far."""
        return "".join(self._written)

    def address(self) -> tuple[str, int]:
        """Wait for the server to say where it listens."""
        in_time = self._ready.wait(_START_SECONDS)
        found = _READY.search(self.output)
        if found is None:
            code = None if not in_time else self._process.wait(_STOP_SECONDS)
            reason = f"exit code {code}" if in_time else f"not listening after {_START_SECONDS:g} s"
            raise CommandError(self._line, reason, self.output)
        return found[1], int(found[2])

    def stop(self) -> None:
        """Ask it to end, and end it where it does not; both an end of its own before and that are errors."""
        code = self._process.poll()
        if code is not None:
            self.end()
            raise CommandError(self._line, f"the server ended during the test, exit code {code}", self.output)
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
            raise CommandError(self._line, f"still running {_STOP_SECONDS:g} s after SIGTERM", self.output) from None
        self.end()

    def end(self) -> None:
        """End it at once, whatever it does, and take the rest of its output."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(_STOP_SECONDS)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._written.append(line)
            if _READY.search(line):
                self._ready.set()
        self._ready.set()  # the end of the output: nobody needs to wait any longer
