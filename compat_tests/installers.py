"""Make environments from wheels: with uv, or with pip where there is no uv."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from compat_tests.errors import EnvironmentFailure
from compat_tests.tools import find_uv, run

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Installer", "Pip", "Uv", "choose_installer"]

_SECONDS = 600.0


class Installer(Protocol):
    """What the suite needs of an installer; every failure is an EnvironmentFailure with its output in the log."""

    name: str

    def lock(self, requirements: Path, constraints: Path | None, python: str, log: Path) -> str:
        """Return the exact third-party versions for requirements, one a line."""

    def into_folder(self, lock: Path, python: str, folder: Path, log: Path) -> None:
        """Install locked versions into a plain folder, with their bytecode."""

    def environment(self, folder: Path, python: str, log: Path) -> Path:
        """Make an empty environment and return its interpreter."""

    def wheels(self, interpreter: Path, wheels: Sequence[Path], log: Path) -> None:
        """Install wheels, and nothing they require, with their bytecode."""

    def build(self, source: Path, out: Path, log: Path) -> None:
        """Build the wheel of a source folder."""

    def download(self, requirement: str, out: Path, log: Path, *, source: bool = False) -> None:
        """Fetch the wheel (or the source distribution) of a requirement alone from the configured package index."""


def choose_installer() -> tuple[Installer, list[str]]:
    """Return uv, else pip and the note that says so."""
    uv = find_uv()
    if uv:
        return Uv(uv), []
    return Pip(), ["uv is not on the PATH: cells are made with pip, which takes several times as long"]


class Uv:
    """uv: takes what its cache has before it asks the index."""

    name = "uv"

    def __init__(self, program: str) -> None:
        self._program = program

    def lock(self, requirements: Path, constraints: Path | None, python: str, log: Path) -> str:
        """Resolve; an exact lock that the cache can answer needs no network."""
        out = requirements.with_suffix(".lock")
        line: list[str | Path] = [
            "pip",
            "compile",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--python",
            python,
            requirements,
        ]
        line += ["--constraints", constraints] if constraints else []
        self._run_offline_first([*line, "--output-file", out], log, cwd=requirements.parent)
        return out.read_text("utf-8")

    def into_folder(self, lock: Path, python: str, folder: Path, log: Path) -> None:
        """Install into a folder."""
        line: list[str | Path] = ["pip", "install", "--quiet", "--no-deps", "--compile-bytecode", "--python", python]
        self._run_offline_first([*line, "--target", folder, "--requirements", lock], log, cwd=lock.parent)

    def environment(self, folder: Path, python: str, log: Path) -> Path:
        """Make it without pip."""
        self._run(["venv", "--quiet", "--no-project", "--python", python, folder], log, cwd=folder.parent)
        return interpreter_of(folder)

    def wheels(self, interpreter: Path, wheels: Sequence[Path], log: Path) -> None:
        """Install files; the same path may have held another wheel before, so nothing is taken from the cache."""
        how = ["--quiet", "--no-deps", "--offline", "--no-cache", "--compile-bytecode", "--python"]
        self._run(["pip", "install", *how, interpreter, *wheels], log, cwd=interpreter.parent)

    def build(self, source: Path, out: Path, log: Path) -> None:
        """Build it in isolation."""
        self._run_offline_first(["build", "--quiet", "--wheel", "--out-dir", out, source], log, cwd=source)

    def download(self, requirement: str, out: Path, log: Path, *, source: bool = False) -> None:
        """Fetch it with pip in an environment of its own: uv itself downloads nothing without installing it."""
        self._run(["tool", "run", "pip", *_download(source), "--dest", out, requirement], log, cwd=out)

    def _run(self, line: Sequence[str | Path], log: Path, cwd: Path) -> str:
        return run([self._program, *line], log=log, seconds=_SECONDS, cwd=cwd)

    def _run_offline_first(self, line: Sequence[str | Path], log: Path, cwd: Path) -> str:
        try:
            return self._run([*line, "--offline"], log, cwd)
        except EnvironmentFailure:
            return self._run(line, log, cwd)


class Pip:
    """pip and venv of an interpreter on the PATH."""

    name = "pip"

    def lock(self, requirements: Path, constraints: Path | None, python: str, log: Path) -> str:
        """Resolve with a dry run, whose report has the exact versions."""
        out = requirements.with_suffix(".json")
        line: list[str | Path] = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", out]
        line += ["--requirement", requirements]
        line += ["--constraint", constraints] if constraints else []
        run([_interpreter(python), "-m", "pip", *line], log=log, seconds=_SECONDS, cwd=requirements.parent)
        found = [one["metadata"] for one in json.loads(out.read_text("utf-8"))["install"]]
        return "".join(sorted(f"{one['name']}=={one['version']}\n" for one in found))

    def into_folder(self, lock: Path, python: str, folder: Path, log: Path) -> None:
        """Install into a folder."""
        line: list[str | Path] = ["--quiet", "--no-deps", "--compile", "--target", folder, "--requirement", lock]
        run([_interpreter(python), "-m", "pip", "install", *line], log=log, seconds=_SECONDS, cwd=lock.parent)

    def environment(self, folder: Path, python: str, log: Path) -> Path:
        """Make it without pip; wheels go into it from outside."""
        run([_interpreter(python), "-m", "venv", "--without-pip", folder], log=log, seconds=_SECONDS, cwd=folder.parent)
        return interpreter_of(folder)

    def wheels(self, interpreter: Path, wheels: Sequence[Path], log: Path) -> None:
        """Install files into the environment."""
        line: list[str | Path] = [sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet"]
        run([*line, "--no-deps", "--no-index", "--compile", *wheels], log=log, seconds=_SECONDS, cwd=interpreter.parent)

    def build(self, source: Path, out: Path, log: Path) -> None:
        """Build it in isolation."""
        line: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        run([*line, "--wheel-dir", out, source], log=log, seconds=_SECONDS, cwd=source)

    def download(self, requirement: str, out: Path, log: Path, *, source: bool = False) -> None:
        """Fetch it."""
        line: list[str | Path] = [sys.executable, "-m", "pip", *_download(source), "--dest", out, requirement]
        run(line, log=log, seconds=_SECONDS, cwd=out)


def interpreter_of(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    found = [folder / "bin" / "python", folder / "Scripts" / "python.exe"]
    return next((path for path in found if path.exists()), found[0])


def _download(source: bool) -> list[str]:  # noqa: FBT001 - as its caller has it
    return ["download", "--quiet", "--no-deps", "--no-binary" if source else "--only-binary", ":all:"]


def _interpreter(python: str) -> str:
    """Return the interpreter for a version or a path, our own where it fits."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python == own:
        return sys.executable
    if Path(python).is_file():
        return python
    name = f"python{python}"
    try:
        subprocess.run([name, "--version"], capture_output=True, check=True)  # noqa: S603 - a name of ours
    except (OSError, subprocess.CalledProcessError) as error:
        raise EnvironmentFailure(
            f"there is no {name}; install it, or install uv, which fetches interpreters"
        ) from error
    return name
