"""Empty environments and what is installed into them, with nothing of this checkout within reach."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.packaging.distributions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PINS = ROOT / ".ci" / "constraints.txt"


@dataclass(frozen=True)
class Environment:
    """A virtual environment under a folder of its own, which is also where its programs run and keep their files."""

    folder: Path

    @property
    def programs(self) -> Path:
        """The folder of its commands."""
        return self.folder / "venv" / "bin"

    @property
    def variables(self) -> dict[str, str]:
        """What its programs see: neither our variables nor our folders, and a home that is empty at first."""
        return {
            "PATH": f"{self.programs}{os.pathsep}{os.defpath}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "error",
        }

    def run(self, program: str, *arguments: str, **variables: str) -> str:
        """Run one of its programs and return what it printed; another exit code than 0 is an error."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder / "work",
            env=self.variables | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        shown = " ".join([program, *arguments])
        assert done.returncode == 0, f"{shown} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, program: str, *arguments: str, **variables: str) -> Any:
        """Run one of its programs that prints JSON at its end."""
        return json.loads(self.run(program, *arguments, **variables).splitlines()[-1])

    def packages(self) -> dict[str, str]:
        """List what is installed: versions by name."""
        done = _uv(self.folder, "list", "--python", str(self.programs / "python"), "--format", "json")
        return {row["name"]: row["version"] for row in json.loads(done)}


def install(folder: Path, requirements: Iterable[str]) -> Environment:
    """Make an empty environment and install wheels into it, with what they require at the pinned versions."""
    environment = Environment(folder)
    for name in ("home", "tmp", "work"):
        (folder / name).mkdir(parents=True)
    subprocess.run(
        [_uv_path(), "venv", "--quiet", "--no-project", "--python", sys.executable, folder / "venv"],
        check=True,
        cwd=folder,
    )
    python = str(environment.programs / "python")
    _uv(folder, "install", "--quiet", "--python", python, "--constraint", str(_PINS), *requirements)
    return environment


def _uv(folder: Path, *arguments: str) -> str:
    done = subprocess.run([_uv_path(), "pip", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"uv pip {' '.join(arguments)} failed:\n{done.stderr}"
    return done.stdout


def _uv_path() -> str:
    uv = shutil.which("uv", path=f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")  # noqa: PTH120
    assert uv, "uv is neither beside this Python nor on the PATH: install the dependency group dev"
    return uv
