from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from crm_core.plugin_host.discovery import MANIFEST, Discovered
from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest
from tests.docs.first_plugin import write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def plugin_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], Discovered]]:
    """Give a function that writes the package a page shows where this process finds it, for the length of a test."""
    folder = tmp_path / "written"

    def write(page: Path, source: str) -> Discovered:
        write_files(page, folder)
        (manifest,) = folder.rglob(MANIFEST)
        package = manifest.parent
        (package / "__init__.py").touch()
        monkeypatch.syspath_prepend(str(folder / source))
        parsed = Manifest.parse(manifest.read_bytes(), known_hooks=HOOKS, known_record_types=RECORD_TABLES)
        return Discovered(parsed.id, "of-a-page", package, f"{package.name}.hooks", parsed)

    yield write
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
