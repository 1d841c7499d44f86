"""Plugins for tests: real packages with a manifest and hooks, written where the test wants them.

The fixture ``make_plugin`` (``tests/crm_core/conftest.py``) writes them into the test's folder and cleans up::

    def test_refusal(database_url: str, make_plugin: MakePlugin) -> None:
        guard = make_plugin("guard", HOOKS, "[hooks.record_validate]")

        async def scenario() -> None:
            async with running(database_url, plugins=[guard]) as app:
                ...
"""

from __future__ import annotations

import itertools
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Protocol

from crm_core.plugin_host.discovery import MANIFEST, Discovered
from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest

if TYPE_CHECKING:
    from pathlib import Path

_numbers = itertools.count(1)
_MANIFEST = """\
[plugin]
id = "{id}"
name = "{id}"
version = "{version}"
summary = "A plugin of the tests"
sdk = "*"
core = "*"

{extra}
"""


class MakePlugin(Protocol):
    """What the fixture ``make_plugin`` gives."""

    def __call__(self, plugin_id: str, hooks: str, manifest: str = "", *, version: str = "1.0.0") -> Discovered:
        """Write a plugin and return it as discovery would."""
        ...


def write_plugin(folder: Path, plugin_id: str, hooks: str, manifest: str = "", *, version: str = "1.0.0") -> Discovered:
    """Write a package into a folder that is on ``sys.path`` from then on; ``manifest`` is what follows ``[plugin]``.

    Each package has a name of its own, so that two tests never meet in ``sys.modules``.
    """
    name = f"crm_of_test_{next(_numbers)}_{plugin_id}"
    package = folder / name
    package.mkdir()
    text = _MANIFEST.format(id=plugin_id, version=version, extra=dedent(manifest))
    (package / MANIFEST).write_text(text, encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "hooks.py").write_text(dedent(hooks), encoding="utf-8")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    parsed = Manifest.parse(
        text.encode(), source=MANIFEST, known_hooks=HOOKS.keys(), known_record_types=RECORD_TABLES.keys()
    )
    return Discovered(plugin_id, name, package, f"{name}.hooks", parsed)


def forget_plugins(folder: Path) -> None:
    """Take a folder off ``sys.path`` and its packages out of ``sys.modules``."""
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    names = {each.name for each in folder.iterdir() if each.is_dir()}
    for module in [name for name in sys.modules if name.partition(".")[0] in names]:
        del sys.modules[module]
