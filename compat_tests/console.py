"""The command ``crm`` of a cell, and the server it starts: as a black box, by arguments, files and exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, Self, cast

from compat_tests.errors import CellTimeout, EnvironmentFailure
from compat_tests.tools import clean_environment, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from compat_tests.environments import Prepared

__all__ = ["Console", "Done", "can_fork"]

_IN_CELL: Final = Path(__file__).parent / "in_cell" / "console.py"
_READY: Final = re.compile(r"listening on (http://\S+)")
_SECONDS: Final = 120.0
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_PAUSE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:
        """Return what it wrote as JSON, None where it is none."""
        try:
            return json.loads(self.output)
        except ValueError:
            return None

    @property
    def last_line(self) -> str:
        """Return the line that says why it failed."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1] if lines else "it wrote nothing"


class Console:
    """Runs ``crm`` in a cell against the cell's database; used in a ``with`` block, which ends what it started."""

    def __init__(self, prepared: Prepared, folder: Path, log: Path) -> None:
        self.url = ""
        self._log = log
        self.folder = folder
        self._number = 0
        database = f"sqlite:///{(folder / 'crm.db').as_posix()}"
        # Background off: relay and jobs run when a scenario says so. Refresh: what a command changes holds at once.
        settings = {"CRM_DATABASE_URL": database, "CRM_BACKGROUND": "false", "CRM_REFRESH_SECONDS": "0"}
        self._environment = clean_environment(**settings)
        starter = _Warm if can_fork() else _Plain
        self._starter: _Starter = starter(prepared.interpreter, folder, self._environment)
        self._server: int | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server and whatever else still runs."""
        self._starter.close()

    def run(self, *arguments: str, seconds: float = _SECONDS) -> Done:
        """Run ``crm`` with arguments; a command that fails is an answer, one that does not end is a CellTimeout."""
        out, errors = self._files(arguments[0])
        code = self._starter.run(arguments, out, errors, seconds)
        done = Done(-1 if code is None else code, _text(out), _text(errors))
        end = f"ended after {seconds:g} s" if code is None else f"exit code {code}"
        write(self._log, ["crm", *arguments], f"{_hidden(done.output)}{done.errors}", end)
        if code is None:
            raise CellTimeout(f"crm {' '.join(arguments[:3])} took more than {seconds:g} s")
        return done

    def serve(self) -> Done | None:
        """Start the server and wait until it listens; return how it ended if it does not."""
        out, errors = self._files("serve")
        process = self._starter.start(("serve", "--host", "127.0.0.1", "--port", "0"), out, errors)
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            code = self._starter.poll(process)
            ready = _READY.search(_text(out))
            if ready:
                self.url, self._server = ready[1], process
                return None
            if code is not None:
                write(self._log, ["crm", "serve"], _text(out) + _text(errors), f"exit code {code}")
                return Done(code, _text(out), _text(errors))
            time.sleep(_PAUSE)
        raise CellTimeout(f"crm serve was not listening after {_START_SECONDS:g} s")

    def stop(self) -> None:
        """Stop the server."""
        server, self._server = self._server, None
        if server is not None:
            self._starter.stop(server)

    def _files(self, name: str) -> tuple[Path, Path]:
        self._number += 1
        stem = self.folder / "output" / f"{self._number:03}-{name}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        return stem.with_suffix(".out"), stem.with_suffix(".err")


def can_fork() -> bool:
    """Say whether this system forks processes."""
    return hasattr(os, "fork")


class _Starter(Protocol):
    def run(self, arguments: tuple[str, ...], out: Path, errors: Path, seconds: float) -> int | None: ...
    def start(self, arguments: tuple[str, ...], out: Path, errors: Path) -> int: ...
    def poll(self, process: int) -> int | None: ...
    def stop(self, process: int) -> None: ...
    def close(self) -> None: ...


class _Warm:
    """Commands as forks of one warm process of the cell; see in_cell/console.py."""

    def __init__(self, interpreter: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the line is our own
            [str(interpreter), "-P", str(_IN_CELL)],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: tuple[str, ...], out: Path, errors: Path, seconds: float) -> int | None:
        code: int | None = self._ask("run", arguments, out, errors, seconds)["code"]
        return code

    def start(self, arguments: tuple[str, ...], out: Path, errors: Path) -> int:
        return int(self._ask("start", arguments, out, errors)["pid"])

    def poll(self, process: int) -> int | None:
        code: int | None = self._send({"do": "poll", "pid": process})["code"]
        return code

    def stop(self, process: int) -> None:
        self._send({"do": "stop", "pid": process, "seconds": _STOP_SECONDS})

    def close(self) -> None:
        cast("IO[str]", self._process.stdin).close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        cast("IO[str]", self._process.stdout).close()

    def _ask(
        self, what: str, arguments: tuple[str, ...], out: Path, errors: Path, seconds: float = _SECONDS
    ) -> dict[str, Any]:
        files = {"stdout": str(out), "stderr": str(errors)}
        return self._send({"do": what, "arguments": list(arguments), "seconds": seconds, **files})

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
        except (OSError, ValueError) as error:
            raise EnvironmentFailure(f"the cell's own process ended ({self._process.poll()}): {error}") from error
        return answer


class _Plain:
    """Commands as processes of their own, where nothing forks."""

    def __init__(self, interpreter: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._line = [str(interpreter), "-P", "-m", "crm_core.cli"]
        self._folder = folder
        self._environment = dict(environment)
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def run(self, arguments: tuple[str, ...], out: Path, errors: Path, seconds: float) -> int | None:
        process = self._open(arguments, out, errors)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def start(self, arguments: tuple[str, ...], out: Path, errors: Path) -> int:
        process = self._open(arguments, out, errors)
        self._running[process.pid] = process
        return process.pid

    def poll(self, process: int) -> int | None:
        return self._running[process].poll()

    def stop(self, process: int) -> None:
        running = self._running.pop(process)
        running.terminate()
        try:
            running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()

    def close(self) -> None:
        for process in list(self._running):
            self.stop(process)

    def _open(self, arguments: tuple[str, ...], out: Path, errors: Path) -> subprocess.Popen[bytes]:
        with out.open("wb") as output, errors.open("wb") as error_output:
            return subprocess.Popen(  # noqa: S603 - the line is our own
                [*self._line, *arguments],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=error_output,
            )


def _text(file: Path) -> str:
    return file.read_text("utf-8", errors="replace") if file.exists() else ""


def _hidden(text: str) -> str:
    """Return output for a log, without the keys that open the cell's server."""
    return re.sub(r"(crm_[0-9a-f]+_)[0-9a-f]+", r"\1…", text)
