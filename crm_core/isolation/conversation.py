"""One question to one worker, until its answer: frames, deadlines, callbacks in between.

The plugin's own time runs while the host waits for a frame; while the host serves a callback it stands still.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from crm_core.isolation import protocol
from crm_core.isolation.channel import ChannelClosed, ChannelTimeout, FrameTooLarge
from crm_core.isolation.failures import failure_of
from crm_core.isolation.pool import WorkerFailed, ending
from crm_core.isolation.shapes import to_argument
from crm_core.isolation.values import DecodeError, decode, from_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.callbacks import Meter
    from crm_core.isolation.pool import Worker

    Elsewhere = Callable[[Callable[[], Any]], Any]
    Serve = Callable[[str, list[Any]], Any]
    Log = Callable[[int, str], None]

_IN_PLACE_SECONDS = 0.004
"""How long a call may hold up the event loop altogether; what it needs beyond that it waits for in a thread."""
_IN_PLACE_BYTES = 2**15
"""What fits into the buffers of a socket whose other end has read what was sent before."""
_SLICE_SECONDS = 0.05
"""How often the CPU time of a worker is looked at."""
_SEND_SECONDS = 2.0
_MOST_LINES = 1000
_LONGEST_LINE = 8_000


def _decoded(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except DecodeError as error:
        raise WorkerFailed(f"its worker sent what is no value: {error}") from None


class Unsendable(Exception):
    """The question itself could not be sent: the worker had ended before."""


class Conversation:
    """See the module. ``serve`` answers callbacks, ``log`` takes lines, ``elsewhere`` runs what waits longer."""

    def __init__(self, worker: Worker, meter: Meter, elsewhere: Elsewhere) -> None:
        self._worker = worker
        self._channel = worker.channel
        self._meter = meter
        self._elsewhere = elsewhere
        self._wall = meter.budget.wall_ms / 1000
        self._in_place = min(_IN_PLACE_SECONDS, self._wall / 2)
        self._spent = 0.0
        self._cpu_before: float | None = None
        self._lines = 0

    def ask(self, frame: protocol.FromHost) -> None:
        """Send the question; raises Unsendable where there is nobody to hear it."""
        try:
            for piece in protocol.pieces(frame):
                self._send(piece)
        except (ChannelClosed, FrameTooLarge) as error:
            raise Unsendable(str(error)) from None
        except ChannelTimeout:
            raise WorkerFailed("its worker did not take the question") from None

    def _send(self, piece: bytes) -> None:
        if len(piece) <= _IN_PLACE_BYTES:
            self._channel.send(piece, time.monotonic() + _IN_PLACE_SECONDS)
        else:
            self._elsewhere(lambda: self._channel.send(piece, time.monotonic() + _SEND_SECONDS))

    def answer(self, serve: Serve, log: Log) -> Any:
        """Return what was asked for: a value, or the frame ``Described`` or ``Failed``."""
        items: list[Any] = []
        size = 0
        while True:
            frame = self._receive()
            if isinstance(frame, protocol.Result):
                return items if frame.iterated else _decoded(from_tree, frame.value)
            if isinstance(frame, protocol.Callback):
                self._serve(frame, serve)
            elif isinstance(frame, protocol.Log):
                self._log(frame, log)
            elif isinstance(frame, protocol.Part):
                size += sum(map(len, frame.items))
                self._require_within(size)
                items += [_decoded(decode, item) for item in frame.items]
            elif isinstance(frame, protocol.Ready):
                raise WorkerFailed("its worker says again that it is ready")
            else:
                return frame

    def _require_within(self, size: int) -> None:
        if size > self._meter.budget.payload_bytes:
            self._meter.exceed_payload(size)
            raise WorkerFailed(f"its worker was killed after it had returned {size} bytes")

    def _serve(self, frame: protocol.Callback, serve: Serve) -> None:
        answer: protocol.FromHost
        arguments = [_decoded(from_tree, each) for each in frame.arguments]
        try:
            answer = protocol.Reply(to_argument(serve(frame.kind, arguments)))
        except Exception as error:
            if self._meter.ending is not None:
                # The operation itself is over: nothing the plugin could still do would count.
                raise
            answer = protocol.Failed(failure_of(error))
        try:
            self.ask(answer)
        except Unsendable:
            raise self._gone() from None

    def _log(self, frame: protocol.Log, log: Log) -> None:
        self._lines += 1
        if self._lines < _MOST_LINES:
            log(frame.level, frame.text[:_LONGEST_LINE])
        elif self._lines == _MOST_LINES:
            log(frame.level, f"more than {_MOST_LINES} lines in one call; the rest is not shown")

    def _receive(self) -> Any:
        started = time.monotonic()
        try:
            # A plugin may send lines and questions without end: only the first milliseconds pass in place.
            data = self._channel.receive_soon() if self._spent < self._in_place else None
            if data is None:
                data = self._wait(started + self._wall - self._spent)
            return protocol.from_worker(data)
        except ChannelClosed:
            raise self._gone() from None
        except FrameTooLarge as error:
            raise WorkerFailed(f"its worker sent too much: {error}") from None
        except DecodeError as error:
            raise WorkerFailed(f"its worker sent what is no frame: {error}") from None
        finally:
            self._spent += time.monotonic() - started

    def _gone(self) -> WorkerFailed:
        return WorkerFailed(f"its worker {self._elsewhere(lambda: ending(self._worker.process))}")

    def _wait(self, until: float) -> bytes:
        """Wait for a frame in a thread, and look at the worker's CPU time now and then."""
        if self._cpu_before is None:
            self._cpu_before = self._worker.process.cpu_seconds()
        cpu_before = self._cpu_before

        def wait() -> bytes:
            while True:
                now = time.monotonic()
                try:
                    return self._channel.receive(min(now + _SLICE_SECONDS, until))
                except ChannelTimeout:
                    cpu = self._worker.process.cpu_seconds() - cpu_before
                    if self._meter.is_over_cpu(cpu):
                        self._meter.exceed_cpu(cpu)
                        raise WorkerFailed(f"its worker was killed after {round(cpu * 1000)} ms of CPU time") from None
                    if time.monotonic() >= until:
                        seconds = self._wall + time.monotonic() - until
                        self._meter.exceed_wall(seconds)
                        raise WorkerFailed(f"its worker was killed after {round(seconds * 1000)} ms") from None

        data: bytes = self._elsewhere(wait)
        return data
