"""Small plugin projects and cores of this checkout, some of them damaged on purpose, for tests that build wheels."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROOT", "SCENARIO", "core_wheels", "project"]

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("crm_core", "plugin_sdk", "compat_tests")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "releases", "dist")

_PYPROJECT = """
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "crm-plugin-{id}"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["crm-plugin-sdk>=0.1"]

[project.entry-points."crm.plugins"]
{id} = "crm_{id}.hooks"

[tool.hatch.build.targets.wheel]
packages = ["src/crm_{id}"]
"""

_MANIFEST = """
[plugin]
id = "{id}"
name = "Sample"
version = "1.0.0"
summary = "Trims the names of accounts."
sdk = ">=0.1,<1"
core = ">=0.1,<1"
license = "Apache-2.0"

[hooks.record_normalize]
record_types = ["account"]
"""

_HOOKS = '''
from plugin_sdk import Patch, hookimpl


@hookimpl
def record_normalize(record_type, draft):
    """Trim the name."""
    return Patch(values={"name": " ".join(draft["name"].split())})
'''

SCENARIO: Mapping[str, Any] = {
    "format": 1,
    "name": "trim",
    "title": "A name is trimmed",
    "plugin": "sample",
    "hooks": ["record_normalize"],
    "steps": [
        {"do": {"method": "POST", "path": "/accounts", "json": {"name": "  Ada   AG "}}, "save": {"account": "$.id"}},
    ],
    "final": [{"do": {"method": "GET", "path": "/accounts/${account}"}, "as": "read_only"}],
}


def project(folder: Path, plugin_id: str, *, test: str = "", scenario: Mapping[str, Any] | None = None) -> Path:
    """Write a plugin's project with a test module and a scenario, where they are given."""
    package = folder / "src" / f"crm_{plugin_id}"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(_PYPROJECT.format(id=plugin_id), "utf-8")
    (package / "__init__.py").write_text("", "utf-8")
    (package / "crm-plugin.toml").write_text(_MANIFEST.format(id=plugin_id), "utf-8")
    (package / "hooks.py").write_text(_HOOKS, "utf-8")
    if test:
        (folder / "tests").mkdir()
        (folder / "tests" / "test_sample.py").write_text(test, "utf-8")
    if scenario:
        (folder / "scenarios").mkdir()
        (folder / "scenarios" / f"{scenario['name']}.json").write_text(json.dumps(scenario), "utf-8")
    return folder


def core_wheels(folder: Path, version: str, changes: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """Build core and SDK from a copy of this checkout with another version and replaced texts, by file."""
    copy, dist = folder / "copy", folder / "dist"
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=_LEFT_OUT)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, copy / path.name)
    for file, (before, after) in {"pyproject.toml": _version(version), **(changes or {})}.items():
        text = (copy / file).read_text("utf-8")
        if text.count(before) != 1:
            message = f"{file} has {text.count(before)} times {before!r}: this test damages a core that has moved on"
            raise RuntimeError(message)
        (copy / file).write_text(text.replace(before, after), "utf-8")
    for source in (copy, copy / "plugin_sdk"):
        line = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(dist), str(source)]
        done = subprocess.run(line, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
    shutil.copy(ROOT / ".ci" / "constraints.txt", dist / "constraints.txt")
    return dist


def _version(version: str) -> tuple[str, str]:
    """Return the line with the version as it is and as it shall be."""
    for line in (ROOT / "pyproject.toml").read_text("utf-8").splitlines():
        if line.startswith("version = "):
            return line + "\n", f'version = "{version}"\n'
    message = "pyproject.toml has no version"
    raise RuntimeError(message)
