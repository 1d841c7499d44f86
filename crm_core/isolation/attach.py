"""The first lines of a worker: take the socket it was started with and read what it is."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from crm_core.isolation.channel import Channel
from crm_core.isolation.spec import WorkerSpec

if TYPE_CHECKING:
    from collections.abc import Sequence


def attach(arguments: Sequence[str]) -> tuple[Channel, WorkerSpec]:
    """Return the channel to the host and the worker's spec.

    ``arguments`` is ``sys.argv``: its last entry is the number of the descriptor the host left open.
    """
    # Named, not detected: detection asks the kernel four questions per start.
    channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=int(arguments[-1])))
    return channel, WorkerSpec.from_frame(channel.receive())
