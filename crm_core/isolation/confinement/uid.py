"""The wall "uid": where the host is root, each plugin is a user of its own, who owns nothing."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from crm_core.isolation.confinement import capabilities, readable
from crm_core.isolation.confinement.report import WallMissing

if TYPE_CHECKING:
    from crm_core.isolation.spec import WorkerSpec

FIRST = 2_000_000_000
COUNT = 100_000_000
"""Uids (and gids) from FIRST on belong to plugins; nobody else may be given one of these."""

_NEEDED = {
    capabilities.CAP_CHOWN: "CAP_CHOWN",
    capabilities.CAP_KILL: "CAP_KILL",
    capabilities.CAP_SETGID: "CAP_SETGID",
    capabilities.CAP_SETUID: "CAP_SETUID",
}


def of(plugin: str) -> int:
    """Return the uid of a plugin: always the same one, on every machine."""
    return FIRST + int.from_bytes(hashlib.sha256(plugin.encode()).digest()[:8], "big") % COUNT


def build(spec: WorkerSpec, machine: str) -> None:
    """Become the plugin's user, for good; the scratch folder is handed over on the way."""
    _check(spec, machine)
    uid = of(spec.plugin)
    try:
        if spec.scratch is not None:
            os.chown(spec.scratch, uid, uid)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        message = f"this process cannot become user {uid} ({error}); a container must map uids from {FIRST} on"
        raise WallMissing(message) from error


def _check(spec: WorkerSpec, machine: str) -> None:
    if os.geteuid() != 0:
        message = f"the host runs as user {os.geteuid()}; only root can give each plugin a user of its own"
        raise WallMissing(message)
    held = capabilities.effective(machine)
    lacking = ", ".join(name for bit, name in _NEEDED.items() if not held >> bit & 1)
    if lacking:
        message = f"the host is root without {lacking}; give these capabilities to it"
        raise WallMissing(message)
    folder = readable.obstacle(readable.code(spec.paths))
    if folder is not None:
        message = (
            f"folder {folder} keeps other users out, and Python or the plugin's code is behind it; "
            "install them where every user of this machine may read"
        )
        raise WallMissing(message)
