"""Processes as the kernel shows them, and the end of some of them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_GONE_SECONDS = 20.0


def children(parent: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    found = []
    for entry in Path("/proc").iterdir():
        # The name in brackets may hold anything, so what follows its last bracket is read.
        with suppress(OSError, ValueError):
            state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def command_line(pid: int) -> str:
    """Return how a process was started; empty for one that is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def lives(pid: int) -> bool:
    """Tell whether a process can still do anything."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def kill(pids: Iterable[int]) -> None:
    """End processes without giving them a chance to do anything more."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def await_end(pids: Iterable[int]) -> None:
    """Wait until processes are gone; one that stays fails the test."""
    deadline = time.monotonic() + _GONE_SECONDS
    left = list(pids)
    while left := [pid for pid in left if lives(pid)]:
        if time.monotonic() > deadline:
            raise AssertionError(f"still there: {[(pid, command_line(pid)) for pid in left]}")
        time.sleep(0.01)
