"""Tiny real wheels, written by hand: what the suite reads of a wheel does not need a build."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["core_folder", "wheel"]


def wheel(folder: Path, name: str, version: str, *requires: str, manifest: str = "", content: str = "") -> Path:
    """Write a wheel with one module, its metadata and perhaps a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    path = folder / f"{module}-{version}-py3-none-any.whl"
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}/__init__.py", content)
        if manifest:
            archive.writestr(f"{module}/crm-plugin.toml", manifest)
        archive.writestr(f"{module}-{version}.dist-info/METADATA", "\n".join([*lines, "", ""]))
    return path


def core_folder(folder: Path, version: str = "0.1.0", *, content: str = "") -> Path:
    """Write the wheels of a core and its SDK, and constraints."""
    wheel(folder, "crm-core", version, f"crm-plugin-sdk[db]>={version}", "typer>=0.16", content=content)
    wheel(folder, "crm-plugin-sdk", version, "pluggy>=1.6", 'httpx>=0.28; extra == "testing"')
    (folder / "constraints.txt").write_text("typer==0.16.0\n", "utf-8")
    return folder
