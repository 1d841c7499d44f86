"""The scratch folder of a worker, as the host sees it: its own, private, and gone even when the host was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from crm_core.isolation.confinement import uid

_PREFIX = "crm-worker-"


class ScratchFolder:
    """One folder. While it is in use it is locked, which is how other hosts know what nobody uses any more."""

    def __init__(self) -> None:
        _sweep()
        self.path, lock = _make()
        self._locks = [lock]

    def remove(self) -> None:
        """Remove the folder and all that is in it; may be called from any thread and any number of times."""
        shutil.rmtree(self.path, ignore_errors=True)  # another thread may be at it
        with contextlib.suppress(IndexError):
            os.close(self._locks.pop())


def _make() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with contextlib.suppress(FileNotFoundError):  # another host swept it away before it was locked
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if path.exists():
                return path, lock
            os.close(lock)


def _sweep() -> None:
    """Remove the folders that hosts left behind when they were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, or gone
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _remove_if_unused(folder, descriptor)
            finally:
                os.close(descriptor)


def _remove_if_unused(folder: Path, descriptor: int) -> None:
    owner = os.fstat(descriptor).st_uid
    if owner == os.geteuid() or uid.FIRST <= owner < uid.FIRST + uid.COUNT:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
