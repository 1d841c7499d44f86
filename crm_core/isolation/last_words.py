"""What a worker writes to its standard error: read so that it never blocks, kept only in part."""

from __future__ import annotations

import os
import threading
from typing import IO

_KEPT = 8 * 2**10
_CHUNK = 2**16
_BYTES_PER_SECOND = 2**16
_LONGEST_LINE = 2_000
_PATIENCE = 1.0
"""Seconds to wait for the end of the output of a worker that has ended; longer only if a child of it holds it open."""


class LastWords:
    """The end of a worker's error output.

    A worker that writes without end is slowed down to ``_BYTES_PER_SECOND``: it costs the host next to nothing, and
    the budget of its call ends it. One that logs a line now and then never notices.
    """

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._kept = b""
        self._over = threading.Event()
        self._stream = stream
        self._thread = threading.Thread(target=self._drain, name="crm-worker-stderr", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return it as text; what could fool a terminal or a log becomes an escape."""
        lines = self._kept.decode("utf-8", "backslashreplace").splitlines()
        return "\n".join(_printable(line[-_LONGEST_LINE:]) for line in lines)

    def finish(self) -> None:
        """Read what is left of a worker that has ended."""
        self._over.set()
        self._thread.join(_PATIENCE)

    def _drain(self) -> None:
        if self._stream is None:
            return
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                self._kept = (self._kept + chunk)[-_KEPT:]
                self._over.wait(len(chunk) / _BYTES_PER_SECOND)


def _printable(line: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in line)
