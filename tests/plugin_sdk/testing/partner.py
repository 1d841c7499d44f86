"""Run pytest as a partner does: in a project of its own, with the SDK's plugin loaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from tests.packaging.distributions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NAME = "crm-plugin-sdk"


def run_pytest(folder: Path, *arguments: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder; packages under ``site`` count as installed."""
    installed = any(point.name == NAME for point in entry_points(group="pytest11"))
    load = [] if installed else ["-p", "plugin_sdk.testing.plugin"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *load, *arguments]
    paths = [str(site), str(ROOT)] if site else [str(ROOT)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def failures(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what each failed or broken test reported, by its name."""
    parts = re.split(
        r"^_{3,} (?:ERROR at (?:setup|teardown) of )?(?:\w+\.)?(\w+) _{3,}$", done.stdout, flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))
