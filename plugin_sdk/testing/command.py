"""The command ``crm`` of the core that is installed beside the tests, run as a program of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Command", "CommandError", "CommandNotFound", "clean_environment", "find_command"]

_MODULE: Final = "crm_core.cli"
_SETTING: Final = "CRM_"
_SECONDS: Final = 120.0


class CommandError(Exception):
    """A command that failed; the text names it, its exit code and what it wrote."""

    def __init__(self, command: Sequence[str], reason: str, output: str) -> None:
        """Keep the parts and render them, the output last because it may be long."""
        self.command = tuple(command)
        self.reason = reason
        self.output = output
        super().__init__(f"{shlex.join(command)}\n{reason}; it wrote:\n{output.strip() or '(nothing)'}")


class CommandNotFound(Exception):
    """There is no core in this environment."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start ``crm``: the program with its first arguments, and the environment it gets."""

    program: tuple[str, ...]
    environment: Mapping[str, str]

    def line(self, *arguments: str) -> list[str]:
        """Return the whole command line for some arguments."""
        return [*self.program, *arguments]

    def run(self, *arguments: str, seconds: float = _SECONDS) -> str:
        """Run it and return its standard output; raise CommandError at any exit code but 0."""
        line = self.line(*arguments)
        try:
            # The command line is the test's own, and no shell reads it.
            done = subprocess.run(  # noqa: S603
                line,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError as error:
            raise CommandError(line, "there is no such program", str(error)) from error
        except subprocess.TimeoutExpired as error:
            raise CommandError(
                line, f"still running after {seconds:g} s, so it was ended", _text(error.stderr)
            ) from None
        if done.returncode != 0:
            raise CommandError(line, f"exit code {done.returncode}", done.stderr or done.stdout)
        return done.stdout

    def json(self, *arguments: str, seconds: float = _SECONDS) -> Any:
        """Run it with ``--json`` and return what it answered; raise CommandError where that is not JSON."""
        output = self.run(*arguments, "--json", seconds=seconds)
        try:
            return json.loads(output)
        except ValueError as error:
            raise CommandError(self.line(*arguments, "--json"), f"exit code 0, but no JSON ({error})", output) from None


def find_command() -> tuple[str, ...]:
    """Return how to start ``crm``: as a module of this interpreter, else the script beside it or on the PATH."""
    # Only the top-level package is looked up, by its place: nothing of the core is imported here.
    spec = importlib.util.find_spec(_MODULE.partition(".")[0])
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / "cli.py").is_file() or (Path(folder) / "cli" / "__main__.py").is_file():
            return (sys.executable, "-m", _MODULE)
    script = shutil.which("crm", path=str(Path(sys.executable).parent)) or shutil.which("crm")
    if script is None:
        raise CommandNotFound(
            f"{sys.executable} has no module {_MODULE}, and there is no script crm beside it or on the PATH; "
            "install crm-core into the environment of the tests"
        )
    return (script,)


def clean_environment(**settings: str) -> dict[str, str]:
    """Return the environment for a child: everything of ours but the core's settings, then the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_SETTING)}
    return kept | settings


def _text(output: str | bytes | None) -> str:
    return output.decode("utf-8", "replace") if isinstance(output, bytes) else output or ""
