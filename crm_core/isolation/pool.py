"""The workers of one plugin: one call at a time each, more where calls come at once, fresh ones after failures.

Everything that takes long (starting a worker, ending one) happens in threads of the pool, never in the caller's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from crm_core.isolation import protocol
from crm_core.isolation.channel import ChannelError, ChannelTimeout
from crm_core.isolation.confinement import ConfinementError
from crm_core.isolation.process import WorkerProcess, WorkerSpec
from crm_core.isolation.values import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crm_core.isolation.failures import Failure

logger = logging.getLogger("crm_core.isolation")

START_SECONDS = 10.0
"""How long a worker may take to import its plugin, and how long a call waits for a worker."""
MOST_WORKERS = 16
_IDLE_SECONDS = 60.0
_CALLS_BETWEEN_LOOKS = 64
_MEMORY_SHARE = 0.75
_ENDING_SECONDS = 0.5
_TICK_SECONDS = 0.01


class WorkerFailed(Exception):
    """A worker could not do what it was asked; the sentence says what happened to it."""


class Worker:
    """One process that has imported its plugin."""

    def __init__(self, process: WorkerProcess, ready: protocol.Ready) -> None:
        self.process = process
        self.channel = process.channel
        self.ready = ready
        self.calls = 0
        self.free_since = 0.0

    @classmethod
    def start(cls, spec: WorkerSpec, start: protocol.Start) -> Worker:
        """Start a process and let it import the plugin; raises WorkerFailed with the reason why it cannot."""
        process = WorkerProcess.start(spec)
        try:
            ready = _first_answer(process, start)
        except BaseException:
            process.kill()
            raise
        if isinstance(ready, protocol.Failed):
            process.kill()
            raise WorkerFailed(f"{start.module} cannot be loaded: {_told(ready.failure)}")
        return cls(process, ready)

    def is_swollen(self, limit: int) -> bool:
        """Tell, now and then, whether the process has grown so much that a new one is better."""
        return self.calls % _CALLS_BETWEEN_LOOKS == 0 and self.process.memory_bytes() > limit


def ending(process: WorkerProcess) -> str:
    """Return how a worker ended whose channel is gone; it may take a moment to be over."""
    until = time.monotonic() + _ENDING_SECONDS
    while True:
        ended = process.ended()
        if ended is not None:
            return ended
        if time.monotonic() > until:
            return "closed its channel"
        time.sleep(_TICK_SECONDS)


def _first_answer(process: WorkerProcess, start: protocol.Start) -> Any:
    deadline = time.monotonic() + START_SECONDS
    try:
        for piece in protocol.pieces(start):
            process.channel.send(piece, deadline)
        answer = protocol.from_worker(process.channel.receive(deadline))
    except ChannelTimeout:
        raise WorkerFailed(f"{start.module} cannot be loaded: it took longer than {START_SECONDS:.0f} s") from None
    except (ChannelError, DecodeError) as error:
        told = f"its worker {ending(process)} ({error})"
        words = process.last_words()
        raise WorkerFailed(f"{start.module} cannot be loaded: {told}{': ' + words if words else ''}") from None
    if not isinstance(answer, protocol.Ready | protocol.Failed):
        raise WorkerFailed(f"{start.module} cannot be loaded: its worker answered {type(answer).__name__}")
    return answer


def _told(failure: Failure) -> str:
    """Return what went wrong; what is in the way of the walls is said in a sentence that needs no name."""
    return failure.text if failure.name == ConfinementError.__name__ else failure.told


class Pool:
    """See the module; every method may be called from any thread."""

    def __init__(self, spec: WorkerSpec, start: protocol.Start) -> None:
        self._spec = spec
        self._start = start
        self._changed = threading.Condition()
        self._free: deque[Worker] = deque()
        self._all: set[Worker] = set()
        self._starting = 0
        self._waiting = 0
        self._problem: WorkerFailed | None = None
        self._closed = False
        self.started = 0
        """How many workers have imported the plugin since the pool is there."""
        self.replaced = 0
        """How many of them have been ended because of what they did."""
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"crm-workers-{start.plugin}")

    @property
    def workers(self) -> Sequence[Worker]:
        """All workers at the moment, busy or not."""
        with self._changed:
            return tuple(self._all)

    def open(self) -> Worker:
        """Start the first worker here and now; raises WorkerFailed. It is free afterwards."""
        worker = Worker.start(self._spec, self._start)
        with self._changed:
            self._admit(worker)
        return worker

    def acquire(self, elsewhere: Callable[[Callable[[], Worker]], Worker]) -> Worker:
        """Return a worker for one call; ``elsewhere`` runs what has to wait where waiting stops nobody."""
        if len(self._free) > 1:
            self._end_idle()
        try:
            # Nobody waits while one is free: this is one step for all threads.
            return self._free.pop()
        except IndexError:
            return elsewhere(self._wait_for_one)

    def release(self, worker: Worker) -> None:
        """Take a worker back that did what it was asked."""
        worker.calls += 1
        if worker.is_swollen(int(self._spec.memory_bytes * _MEMORY_SHARE)):
            self.discard(worker, "its memory has grown")
            return
        worker.free_since = time.monotonic()
        self._free.append(worker)
        if self._waiting or self._closed:
            # Whoever waits has said so before it looked, and this looks after it has put the worker down.
            with self._changed:
                self._changed.notify()

    def discard(self, worker: Worker, why: str) -> None:
        """End a worker and start another one in its place if it was the last."""
        with self._changed:
            self._all.discard(worker)
            if self._closed:
                worker.process.kill()
                return
            self.replaced += 1
            if not self._all and not self._starting:
                self._begin_starting()
            self._threads.submit(self._end, worker, why)

    def close(self) -> None:
        """End every worker, those in the middle of a call too."""
        with self._changed:
            self._closed = True
            workers, self._all = self._all, set()
            self._free.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.process.kill()
        self._threads.shutdown(wait=True)

    def _admit(self, worker: Worker) -> None:
        self.started += 1
        worker.free_since = time.monotonic()
        self._all.add(worker)
        self._free.append(worker)

    def _wait_for_one(self) -> Worker:
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            self._waiting += 1
            self._problem = None
            try:
                while True:
                    with suppress(IndexError):
                        return self._free.pop()
                    self._require_hope(deadline)
                    if self._starting < self._waiting and len(self._all) + self._starting < MOST_WORKERS:
                        self._begin_starting()
                    self._changed.wait(max(deadline - time.monotonic(), 0))
            finally:
                self._waiting -= 1

    def _require_hope(self, deadline: float) -> None:
        if self._closed:
            raise WorkerFailed("its workers have been ended, the server is going down")
        if self._problem is not None and not self._all and not self._starting:
            raise self._problem
        if time.monotonic() >= deadline:
            raise WorkerFailed(f"none of its {len(self._all)} workers was free within {START_SECONDS:.0f} s")

    def _begin_starting(self) -> None:
        self._starting += 1
        self._threads.submit(self._start_one)

    def _start_one(self) -> None:
        worker = problem = None
        try:
            worker = Worker.start(self._spec, self._start)
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
            problem = error if isinstance(error, WorkerFailed) else WorkerFailed(f"its worker cannot start: {error}")
            logger.warning("a worker of plugin %s could not be started: %s", self._start.label, problem)
        with self._changed:
            self._starting -= 1
            self._problem = problem
            if worker is not None and not self._closed:
                self._admit(worker)
                worker = None
            self._changed.notify_all()
        if worker is not None:
            worker.process.kill()

    def _end_idle(self) -> None:
        """End workers that nobody has needed for a while, all but one."""
        with self._changed:
            while len(self._free) > 1 and self._free[0].free_since < time.monotonic() - _IDLE_SECONDS:
                worker = self._free.popleft()
                self._all.discard(worker)
                if not self._closed:
                    self._threads.submit(worker.process.kill)

    def _end(self, worker: Worker, why: str) -> None:
        worker.process.kill()
        words = worker.process.last_words()
        logger.warning("a worker of plugin %s is replaced: %s%s", self._start.label, why, f"\n{words}" if words else "")
