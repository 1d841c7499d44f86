"""Check a manifest where it lies: in a file, in a source folder, or in a wheel."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from crm_core.plugin_host.discovery import MANIFEST
from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest, ManifestError

if TYPE_CHECKING:
    from pathlib import Path


def check_manifest(path: Path) -> list[str]:
    """Return every problem of the manifest, as lines that name file, key, value and fix."""
    try:
        data, source = _read(path)
    except FileNotFoundError as error:
        return [str(error)]
    except (OSError, zipfile.BadZipFile) as error:
        return [f"{path}: cannot be read: {error}; build or copy it again"]
    try:
        Manifest.parse(data, source=source, known_hooks=HOOKS.keys(), known_record_types=RECORD_TABLES.keys())
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    return []


def _read(path: Path) -> tuple[bytes, str]:
    if path.suffix == ".whl" and path.is_file():
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.rsplit("/", 1)[-1] == MANIFEST]
            if names:
                return wheel.read(names[0]), names[0]
    elif path.is_dir():
        found = sorted(path.rglob(MANIFEST))
        if found:
            return found[0].read_bytes(), str(found[0].relative_to(path))
    elif path.is_file():
        return path.read_bytes(), path.name
    message = f"{path}: no {MANIFEST} here; give the file, a folder that contains it, or a wheel"
    raise FileNotFoundError(message)
