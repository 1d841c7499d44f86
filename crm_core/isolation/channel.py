"""Frames over a socket between the host and one worker, with deadlines and a cap on both ends.

A frame is four bytes of length, big-endian, and that many bytes. The other end is never trusted: a length is compared
with the cap before anything is kept, and the buffer grows by the bytes that have arrived, not by those announced.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time

LARGEST = 8 * 2**20
"""The most bytes one frame may have."""

_HEADER = struct.Struct("!I")
_TIME = struct.Struct("@ll")
_NOW = int(socket.MSG_DONTWAIT)  # the enum member costs half a microsecond per call
_FIRST = 2**14  # most frames fit; asking for more costs time
_MORE = 2**18
_GONE = "the other end of the channel is gone"
_HALF_SENT = "the channel was left with half a frame sent, nothing after it could be read; start a new worker"


class ChannelError(Exception):
    """A frame could not be sent or received."""


class ChannelTimeout(ChannelError):
    """The deadline passed first."""


class ChannelClosed(ChannelError):
    """The other end is gone, or this one was closed."""


class FrameTooLarge(ChannelError):
    """A frame, or the length somebody announced, is above the cap."""


class Channel:
    """One end. It serves one caller at a time; ``close`` from another thread wakes a caller that waits.

    Deadlines are moments of ``time.monotonic()``; None waits for ever. ``moment`` is how many seconds ``receive_soon``
    waits; the kernel rounds it up to a few milliseconds.
    """

    def __init__(self, sock: socket.socket, *, largest: int = LARGEST, moment: float | None = None) -> None:
        sock.settimeout(None)
        if moment is not None:
            # The kernel's own timeout: a frame that comes soon costs one system call, and wakes this thread where the
            # other process has just run. A look before the wait would cost more than the wait.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIME.pack(0, int(moment * 1_000_000)))
        self._socket = sock
        self._largest = largest
        self._buffer = bytearray()
        self._half_sent = False
        # Looked up once: each costs a good part of a microsecond in every call.
        self._send = sock.send
        self._receive = sock.recv
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)

    def send(self, frame: bytes, deadline: float | None = None) -> None:
        """Send one frame whole; after a timeout in the middle of one the channel is of no more use."""
        size = len(frame)
        if size > self._largest:
            message = f"a frame of {size} bytes is above the cap of {self._largest}; send less at a time"
            raise FrameTooLarge(message)
        if self._half_sent:
            raise ChannelClosed(_HALF_SENT)
        data = _HEADER.pack(size) + frame
        try:
            sent = self._send(data, _NOW)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise ChannelClosed(_GONE) from error
        if sent != len(data):
            self._send_rest(memoryview(data), sent, deadline)

    def receive(self, deadline: float | None = None) -> bytes:
        """Return the next frame; after a timeout what came of it is kept, and this may be called again."""
        frame = self._buffered() if self._buffer else self._first(self._read(_FIRST, deadline))
        while frame is None:
            self._buffer += self._read(_MORE, deadline)
            frame = self._buffered()
        return frame

    def receive_soon(self) -> bytes | None:
        """Return the next frame if it comes within the channel's ``moment``, else None: ``receive`` goes on waiting."""
        if self._buffer:
            return self._buffered()
        try:
            data = self._receive(_FIRST)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ChannelClosed(_GONE) from error
        return self._first(data)

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end; whoever waits on it, here or there, hears that it is gone."""
        with contextlib.suppress(OSError):  # already closed, or the other end was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _check(self, size: int) -> None:
        if size > self._largest:
            message = f"a frame of {size} bytes was announced, above the cap of {self._largest}"
            raise FrameTooLarge(message)

    def _first(self, data: bytes) -> bytes | None:
        """Return the frame that these bytes are, or put them into the buffer."""
        if not data:
            raise ChannelClosed(_GONE)
        size = len(data) - _HEADER.size
        # One whole frame, the usual case, never sees the buffer.
        if size >= 0 and size == _HEADER.unpack_from(data)[0]:
            self._check(size)
            return data[_HEADER.size :]
        self._buffer += data
        return self._buffered()

    def _buffered(self) -> bytes | None:
        """Take a whole frame out of the buffer, if one is in it."""
        buffer = self._buffer
        if len(buffer) < _HEADER.size:
            return None
        end = _HEADER.size + _HEADER.unpack_from(buffer)[0]
        self._check(end - _HEADER.size)
        if len(buffer) < end:
            return None
        frame = bytes(memoryview(buffer)[_HEADER.size : end])
        del buffer[:end]
        return frame

    def _send_rest(self, data: memoryview, sent: int, deadline: float | None) -> None:
        try:
            while sent < len(data):
                self._wait(self._writable, deadline)
                with contextlib.suppress(BlockingIOError):
                    sent += self._send(data[sent:], _NOW)
        except OSError as error:
            raise ChannelClosed(_GONE) from error
        finally:
            self._half_sent = 0 < sent < len(data)

    def _read(self, most: int, deadline: float | None) -> bytes:
        while True:
            if deadline is not None:
                self._wait(self._readable, deadline)
            try:
                data = self._receive(most)
            except BlockingIOError:  # the moment of the socket is over, the deadline is not
                continue
            except OSError as error:
                raise ChannelClosed(_GONE) from error
            if not data:
                raise ChannelClosed(_GONE)
            return data

    def _wait(self, poll: select.poll, deadline: float | None) -> None:
        if self._socket.fileno() < 0:
            raise ChannelClosed(_GONE)
        left = None if deadline is None else (deadline - time.monotonic()) * 1000
        if left is not None and left <= 0:
            message = "the deadline passed before the frame was through"
            raise ChannelTimeout(message)
        if not poll.poll(left):
            message = "the deadline passed while the other end was silent"
            raise ChannelTimeout(message)
