"""Wheels of plugins, written without a build: what an installer would unpack."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

from crm_core.plugin_host.discovery import MANIFEST, Discovered
from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest

if TYPE_CHECKING:
    from pathlib import Path

_MANIFEST = """\
[plugin]
id = "{id}"
name = "{id}"
version = "1.0.0"
summary = "A plugin of the tests"
sdk = "*"
core = "*"
"""


def write_wheel(folder: Path, plugin_id: str) -> Path:
    """Write the wheel of a plugin that does nothing."""
    package, notes = f"crm_{plugin_id}", f"crm_{plugin_id}-1.0.0.dist-info"
    files = {
        f"{package}/__init__.py": b"",
        f"{package}/{MANIFEST}": _MANIFEST.format(id=plugin_id).encode(),
        f"{package}/hooks.py": b"",
        f"{notes}/METADATA": f"Metadata-Version: 2.1\nName: crm-{plugin_id}\nVersion: 1.0.0\n".encode(),
        f"{notes}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{notes}/entry_points.txt": f"[crm.plugins]\n{plugin_id} = {package}.hooks\n".encode(),
    }
    lines = [f"{name},sha256={_hash(content)},{len(content)}" for name, content in files.items()]
    record = "\n".join([*lines, f"{notes}/RECORD,,"]) + "\n"
    wheel = folder / f"crm_{plugin_id}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**files, f"{notes}/RECORD": record.encode()}.items():
            archive.writestr(name, content)
    return wheel


def unpacked(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel and return its package."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / wheel.name.partition("-")[0]


def as_discovered(package: Path) -> Discovered:
    """Return an unpacked plugin as discovery would."""
    content = (package / MANIFEST).read_bytes()
    manifest = Manifest.parse(
        content, source=MANIFEST, known_hooks=HOOKS.keys(), known_record_types=RECORD_TABLES.keys()
    )
    return Discovered(manifest.id, package.name, package, f"{package.name}.hooks", manifest)


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
