"""Tiny real wheels, written by hand: what the suite reads of a wheel does not need a build."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["core_folder", "wheel"]

_WHEEL = "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder: Path, name: str, version: str, *requires: str, manifest: str = "", content: str = "") -> Path:
    """Write a wheel with one module, its metadata and perhaps a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    path = folder / f"{module}-{version}-py3-none-any.whl"
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    info = f"{module}-{version}.dist-info"
    files = {f"{module}/__init__.py": content, f"{info}/METADATA": "\n".join([*lines, "", ""]), f"{info}/WHEEL": _WHEEL}
    files |= {f"{module}/crm-plugin.toml": manifest} if manifest else {}
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]))
    return path


def core_folder(folder: Path, version: str = "0.1.0", *, content: str = "") -> Path:
    """Write the wheels of a core and its SDK, and constraints."""
    wheel(folder, "crm-core", version, f"crm-plugin-sdk[db]>={version}", "typer>=0.16", content=content)
    wheel(folder, "crm-plugin-sdk", version, "pluggy>=1.6", 'httpx>=0.28; extra == "testing"')
    (folder / "constraints.txt").write_text("typer==0.16.0\n", "utf-8")
    return folder
