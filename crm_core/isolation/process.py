"""The process of one worker, as the host sees it: started, watched, killed, and gone without a trace."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crm_core.isolation.channel import Channel, ChannelClosed
from crm_core.isolation.last_words import LastWords
from crm_core.isolation.scratch_folder import ScratchFolder
from crm_core.isolation.spec import WorkerSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WorkerProcess", "WorkerSpec"]

_WORKER = ("-m", "crm_core.isolation.worker")
_FLAGS = ("-I", "-B", "-X", "utf8")
"""Isolated: no environment, no user folder, no current folder on the path; nothing is written beside the code."""
_KEPT = ("LD_LIBRARY_PATH",)
"""All a worker gets of the host's environment: where an interpreter built with shared libraries finds them."""
_MOMENT = 0.002
"""Seconds for which a call waits for its worker right where it is; what takes longer is worth a change of threads."""
_CPU_CLOCK = 2
"""Which clock of a process: with its number it makes the clock's number, the way the C library does it."""


class _Spawner:
    """The one thread that starts workers.

    The kernel kills a worker when the *thread* that started it ends (PR_SET_PDEATHSIG), so this one must live as long
    as the host. A fork of the host has no such thread and gets its own.
    """

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def start(self, command: Sequence[str], descriptor: int, scratch: str) -> subprocess.Popen[bytes]:
        return self._executor.submit(_spawn, command, descriptor, scratch).result()

    def _renew(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="crm-worker-spawner")


_SPAWNER = _Spawner()


class WorkerProcess:
    """One running worker. ``kill`` may be called from any thread and any number of times."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, scratch: ScratchFolder) -> None:
        self.channel = channel
        self.pid = process.pid
        self._process = process
        self._scratch = scratch
        self._cpu_seconds = 0.0
        self._last_words = LastWords(process.stderr)

    @classmethod
    def start(cls, spec: WorkerSpec, program: Sequence[str] = _WORKER) -> WorkerProcess:
        """Start a worker and hand it its spec; it confines itself before it answers anything.

        ``program`` is what the interpreter runs: a module that begins with ``attach(sys.argv)``.
        """
        scratch = ScratchFolder()
        ours, theirs = socket.socketpair()
        channel = Channel(ours, moment=_MOMENT)
        try:
            with theirs:
                command = [sys.executable, *_FLAGS, *program, str(theirs.fileno())]
                process = _SPAWNER.start(command, theirs.fileno(), str(scratch.path))
        except BaseException:
            channel.close()
            scratch.remove()
            raise
        worker = cls(process, channel, scratch)
        with contextlib.suppress(ChannelClosed):  # it is over already: ``ended`` and ``last_words`` say why
            channel.send(replace(spec, scratch=str(scratch.path)).to_frame())
        return worker

    def cpu_seconds(self) -> float:
        """Return the processor time the worker has used; what was read last once it has ended, 0 outside Linux."""
        if sys.platform == "linux" and self._process.returncode is None:
            with contextlib.suppress(OSError):  # it has just ended
                self._cpu_seconds = time.clock_gettime(~self.pid << 3 | _CPU_CLOCK)
        return self._cpu_seconds

    def memory_bytes(self) -> int:
        """Return the memory the worker occupies now; 0 once it has ended, and outside Linux."""
        if self._process.returncode is not None:  # its number may be another's by now
            return 0
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except OSError:
            return 0
        return int(pages) * os.sysconf("SC_PAGESIZE")

    def ended(self) -> str | None:
        """Return how the worker ended, in words, or None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        self._clean_up()
        return f"was killed by {_signal_name(-status)}" if status < 0 else f"exited with status {status}"

    def last_words(self) -> str:
        """Return the end of what the worker wrote to its standard error, made safe to print."""
        return self._last_words.text()

    def kill(self) -> None:
        """End the worker at once and wait until nothing is left of it."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # another thread was first
                os.killpg(self.pid, signal.SIGKILL)  # with what it started, where no wall kept it from that
        self._process.wait()
        self.channel.close()
        self._clean_up()

    def _clean_up(self) -> None:
        self._last_words.finish()
        self._scratch.remove()


def _spawn(command: Sequence[str], descriptor: int, scratch: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter with arguments of our own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(descriptor,),
        close_fds=True,
        start_new_session=True,
        cwd="/",
        env=_environment(scratch),
    )


def _environment(scratch: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Each further arena of glibc's malloc reserves address space that the limit of memory would be spent on.
    return {**kept, "TMPDIR": scratch, "MALLOC_ARENA_MAX": "2"}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
