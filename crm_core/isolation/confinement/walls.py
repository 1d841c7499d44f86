"""All walls around a worker, built one after the other from inside."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crm_core.isolation.confinement import capabilities, landlock, no_new_privs, rlimits, scratch, seccomp, uid
from crm_core.isolation.confinement.host_death import die_with
from crm_core.isolation.confinement.report import WALLS, ConfinementError, Report, WallMissing
from crm_core.isolation.confinement.syscalls import MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.spec import WorkerSpec

_TASKS = Path("/proc/self/task")


def confine(spec: WorkerSpec) -> Report:
    """Build all walls that can stand here around this process, for good; refuse if a required one cannot.

    Called by a worker in itself before it imports a line of the plugin, and before it has a second thread.
    """
    built = _Built()
    if sys.platform == "linux":
        _on_linux(spec, built)
    else:
        built.wall("rlimits", lambda: rlimits.build(spec.memory_bytes, own_uid=False))
        for name in set(WALLS) - {"rlimits"}:
            built.missing[name] = f"{sys.platform} has nothing like it; run the host on Linux"
    report = Report(frozenset(built.standing), built.missing)
    report.require(spec.require, spec.plugin)
    return report


class _Built:
    """What stands so far, and what does not."""

    def __init__(self) -> None:
        self.standing: set[str] = set()
        self.missing: dict[str, str] = {}

    def wall(self, name: str, build: Callable[[], None]) -> None:
        try:
            build()
        except WallMissing as reason:
            self.missing[name] = str(reason)
        except OSError as error:
            self.missing[name] = f"the kernel refuses it ({error})"
        else:
            self.standing.add(name)


def _on_linux(spec: WorkerSpec, built: _Built) -> None:
    _alone()
    host = os.getppid()
    os.umask(0o077)
    # The order matters: changing the uid takes rights to build other walls and undoes die_with; the last two walls
    # need no_new_privs; after seccomp there is nothing left to build with.
    if spec.scratch is not None and os.uname().machine in MACHINES:
        scratch.bound(spec.scratch, os.uname().machine)
    capabilities.lower_bounds()
    built.wall("uid", lambda: uid.build(spec, _machine()))
    die_with(host)
    built.wall("capabilities", lambda: capabilities.build(_machine()))
    built.wall("rlimits", lambda: rlimits.build(spec.memory_bytes, own_uid="uid" in built.standing))
    built.wall("no_new_privs", no_new_privs.build)
    built.wall("landlock", lambda: landlock.build(spec))
    built.wall("seccomp", lambda: seccomp.build(_machine()))


def _alone() -> None:
    threads = len(list(_TASKS.iterdir()))
    if threads > 1:
        message = f"confine() was called with {threads} threads running; half the walls would stand around one of them"
        raise ConfinementError(message)


def _machine() -> str:
    machine = os.uname().machine
    if machine not in MACHINES or sys.maxsize <= 2**32:
        message = f"it is written for 64-bit Python on {' and '.join(MACHINES)}; this is {machine}"
        raise WallMissing(message)
    return machine
