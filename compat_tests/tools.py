"""Run programs of other people: with a time limit, a clean environment and a log that stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from compat_tests.errors import CellTimeout, EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["clean_environment", "find_uv", "run"]

# What would let the checkout, a user's packages or another database into a cell.
_REMOVED: Final = ("PYTHON", "CRM_", "VIRTUAL_ENV", "PYTEST_", "CONDA_", "COVERAGE_", "COV_CORE_")


def clean_environment(**settings: str) -> dict[str, str]:
    """Return the environment for a child: ours but for everything that reaches into Python or the core."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_REMOVED)}
    # Safe path: neither the working directory nor the folder of a script is a place for imports.
    return kept | {"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"} | settings


def find_uv() -> str | None:
    """Return the program uv, None where there is none."""
    return shutil.which("uv")


def run(line: Sequence[str | Path], *, log: Path, seconds: float, cwd: Path, **settings: str) -> str:
    """Run a program and return what it wrote; everything also goes to the log.

    A program that fails or takes too long raises EnvironmentFailure: programs whose failure means something else are
    run by whoever knows what it means.
    """
    words = [str(word) for word in line]
    try:
        done = subprocess.run(  # noqa: S603 - the line is the suite's own, and no shell reads it
            words,
            env=clean_environment(**settings),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise EnvironmentFailure(f"there is no program {words[0]}; install it or put it on the PATH") from error
    except subprocess.TimeoutExpired as error:
        write(log, words, str(error.stdout or ""), f"ended after {seconds:g} s")
        raise CellTimeout(f"{_named(words)} took more than {seconds:g} s") from error
    write(log, words, done.stdout, f"exit code {done.returncode}")
    if done.returncode != 0:
        raise EnvironmentFailure(f"{_named(words)} failed: {_last(done.stdout)}")
    return done.stdout


def write(log: Path, words: Sequence[str], output: str, end: str) -> None:
    """Add one program's run to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(words)}\n{output.rstrip()}\n[{end}]\n\n")


def _named(words: Sequence[str]) -> str:
    return " ".join(word for word in words[:3] if not word.startswith("-")).strip()


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"
