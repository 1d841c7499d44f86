"""Which walls would stand on this machine, tried on a process that exists only for that."""

from __future__ import annotations

import json
import sys

from crm_core.isolation.confinement.report import WALLS, Report

_SECONDS = 30


def probe(paths: tuple[str, ...] = ()) -> Report:
    """Return what would stand around a worker that reads ``paths``; the caller itself is not confined."""
    import subprocess  # noqa: PLC0415 - every worker imports this package, and no worker starts a process

    child = subprocess.run(  # noqa: S603 - our own interpreter with arguments of our own
        [sys.executable, "-I", "-B", "-X", "utf8", "-m", "crm_core.isolation.confinement", json.dumps(paths)],
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if child.returncode:
        words = child.stderr.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
        return Report(frozenset(), dict.fromkeys(WALLS, f"the process that tries the walls failed: {words}"))
    standing, missing = json.loads(child.stdout)
    return Report(frozenset(standing), missing)
