"""What a worker must be able to read, and who on this machine can."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_OURS = ("crm_core", "plugin_sdk")
HARMLESS = (
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/mime.types",
    "/etc/ssl/openssl.cnf",
    "/dev/urandom",
    "/dev/zero",
)
"""What the standard library reads on the way: time zones, where libraries are, and nobody's secrets."""


def code(paths: Iterable[str]) -> list[str]:
    """Return the folders with the code of a worker: libraries, ours, and the plugin's own ``paths``.

    Of an environment only its library folders, not all of it: many a database lies beside them.
    """
    environments = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    libraries = [f"{prefix}/{name}" for prefix in sorted(environments) for name in ("lib", "lib64")]
    return _existing([*libraries, *_LIBRARIES, *_installed(), *_packages(), *paths])


def listed() -> list[str]:
    """Return the folders in which packages are looked for: their entries may be listed, not read."""
    return _existing(str(Path(folder).parent) for folder in _packages())


def obstacle(folders: Iterable[str]) -> str | None:
    """Return the first folder that keeps users other than its owner from reading one of these, if any."""
    for folder in folders:
        for path in (folder, os.path.realpath(folder)):  # the way to a link, and the way to what it points at
            for parent in reversed(Path(path).parents):
                if not parent.stat().st_mode & stat.S_IXOTH:
                    return str(parent)
        if not Path(folder).stat().st_mode & stat.S_IROTH:
            return folder
    return None


def _installed() -> list[str]:
    """Return the folders into which wheels were installed; a ``.pth`` file may name one outside the environment."""
    return [folder for folder in sys.path if folder and any(Path(folder).glob("*.dist-info"))]


def _packages() -> list[str]:
    """Return the folders of our own packages; in an installation from a checkout they are in no library folder."""
    specs = filter(None, map(importlib.util.find_spec, _OURS))
    return [place for spec in specs for place in spec.submodule_search_locations or ()]


def _existing(paths: Iterable[str]) -> list[str]:
    return [path for path in dict.fromkeys(paths) if Path(path).exists()]
