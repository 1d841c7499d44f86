"""The frames between the host and a worker, in the order in which they are used.

After the spec (see ``spec``) the host sends ``Start`` and the worker answers ``Ready``. Then the host asks (``Invoke``,
``Describe``, ``Migrate``); until the worker answers (``Result``, ``Described``, ``Failed``) it may send ``Callback``,
each answered by ``Reply`` or ``Failed``, and ``Log`` and ``Part``, which are not answered.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import msgspec

from crm_core.isolation.failures import Failure
from crm_core.isolation.inspection import Implementation
from crm_core.isolation.shapes import ShapedRecord
from crm_core.isolation.values import DecodeError, Tree, decoder_of, encode_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Callback",
    "Describe",
    "Described",
    "Facts",
    "Failed",
    "FromHost",
    "FromWorker",
    "Invoke",
    "JobData",
    "Log",
    "Migrate",
    "Part",
    "Ready",
    "Reply",
    "Result",
    "RouteData",
    "Start",
    "from_host",
    "from_worker",
    "joined",
    "pieces",
]

_PIECE = 4 * 2**20
_LAST, _MORE = b"\0", b"\1"


class Start(msgspec.Struct, array_like=True, tag=1):
    """Import a plugin's module."""

    plugin: str
    label: str
    module: str


class Ready(msgspec.Struct, array_like=True, tag=2):
    """The module is imported behind these walls; it implements this."""

    standing: list[str]
    missing: dict[str, str]
    implementations: list[Implementation]


class Facts(msgspec.Struct, array_like=True):
    """What a context says without asking the host."""

    tenant_id: UUID
    actor_id: UUID | None
    request_id: str
    now: dt.datetime
    settings: bytes
    """Encoded by themselves: they are the same from one call to the next, and few calls look at them."""


class Invoke(msgspec.Struct, array_like=True, tag=3):
    """Call something of the plugin, a ``hook``, ``route`` or ``job``, by name; with ``facts`` if it takes a context."""

    kind: str
    name: str
    facts: Facts | None
    arguments: list[Tree | ShapedRecord]


class Describe(msgspec.Struct, array_like=True, tag=4):
    """Ask the plugin for its routes or scheduled jobs, and say what they are."""

    hook: str


class Migrate(msgspec.Struct, array_like=True, tag=5):
    """Run the plugin's migrations; each statement is a callback."""

    location: str
    schema: str
    dialect: str


class Callback(msgspec.Struct, array_like=True, tag=6):
    """The plugin wants something of its context."""

    kind: str
    arguments: list[Tree]


class Reply(msgspec.Struct, array_like=True, tag=7):
    """What a callback returned."""

    value: Tree | ShapedRecord


class Failed(msgspec.Struct, array_like=True, tag=8):
    """What was asked raised an error."""

    failure: Failure


class Log(msgspec.Struct, array_like=True, tag=9):
    """A line for the host's log."""

    level: int
    text: str


class Part(msgspec.Struct, array_like=True, tag=10):
    """Some items of an iterator, each encoded by itself."""

    items: list[bytes]


class Result(msgspec.Struct, array_like=True, tag=11):
    """What was asked returned this; of an iterator, the rest has come in parts."""

    value: Tree
    iterated: bool = False


class RouteData(msgspec.Struct, array_like=True, tag=12):
    """A route; ``name`` is its handler's, ``answer`` and ``body`` are JSON schemas."""

    method: str
    path: str
    permission: str
    summary: str
    status: int
    name: str
    answer: bytes
    body: bytes | None


class JobData(msgspec.Struct, array_like=True, tag=13):
    """A scheduled job."""

    name: str
    every: Tree
    summary: str


class Described(msgspec.Struct, array_like=True, tag=14):
    """The routes or jobs that were asked for."""

    items: list[RouteData | JobData]


FromHost: TypeAlias = Start | Invoke | Describe | Migrate | Reply | Failed
FromWorker: TypeAlias = Ready | Result | Part | Callback | Log | Described | Failed

from_host: Callable[[bytes], Any] = decoder_of(FromHost, trusted=True)
from_worker: Callable[[bytes], Any] = decoder_of(FromWorker)


def pieces(frame: FromHost) -> Sequence[bytes]:
    """Return a frame of the host as it is sent: in pieces, for rows of a database can be many."""
    data = encode_tree(frame)
    if len(data) <= _PIECE:
        return (_LAST + data,)
    parts = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
    return [*(_MORE + part for part in parts[:-1]), _LAST + parts[-1]]


def joined(receive: Callable[[], bytes]) -> Any:
    """Receive the pieces of one frame of the host and return it."""
    found = []
    while True:
        piece = receive()
        found.append(piece[1:])
        if piece[:1] == _LAST:
            return from_host(found[0] if len(found) == 1 else b"".join(found))
        if piece[:1] != _MORE:
            raise DecodeError("a piece of neither kind")
