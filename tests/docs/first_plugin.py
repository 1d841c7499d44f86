"""The plugin of the guide's first page: its files written out, built into a wheel and installed into a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.docs.pages import PARTNER, ROOT, blocks

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = PARTNER / "01-first-plugin.md"
# Its one file is another test of the same project.
TESTING: Final = PARTNER / "07-testing.md"


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner's folder with the project, and a shell in which the plugin is installed."""

    project: Path
    installed: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRM_", "PYTEST_"))}
        path = os.pathsep.join([str(self.installed), str(ROOT)])
        return subprocess.run(
            command,
            cwd=self.project,
            env={**kept, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    def crm(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the core."""
        return self.run(sys.executable, "-m", "crm_core.cli", *words)


def write_files(page: Path, folder: Path) -> list[str]:
    """Write the files that a page shows; return their paths."""
    files = {block.value: block.text for block in blocks(page) if block.kind == "file"}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return sorted(files)


def build_and_install(folder: Path) -> Partner:
    """Write, build with the project's own build backend, and install the wheel where nothing else is."""
    partner = Partner(folder / "order-limit", folder / "site")
    write_files(PAGE, partner.project)
    write_files(TESTING, partner.project)
    _must(partner.run(sys.executable, "-m", "hatchling", "build", "--target", "wheel"))
    (wheel,) = (partner.project / "dist").glob("*.whl")
    uv = shutil.which("uv")
    assert uv, "uv is not on the PATH: install the dependency group dev"
    options = ("--quiet", "--no-deps", "--no-index", "--python", sys.executable, "--target", str(partner.installed))
    _must(partner.run(uv, "pip", "install", *options, str(wheel)))
    return partner


def _must(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.args}:\n{done.stdout}{done.stderr}"
