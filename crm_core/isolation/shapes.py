"""Records on their way to a worker: nearly every hook gets one, so they are written at the speed of the encoder.

From one record to the next the fields keep their names and the types of their values: together they are its shape. What
MessagePack knows by itself and what the encoder writes as exactly is written as it is, and the shape that travels with
it says how to read it. Only the host writes records like this; a worker, which might make up shapes without end, may
not (see ``protocol``).
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from types import GenericAlias, MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from crm_core.isolation.nodes import DEEPEST, Node, Tree, built
from crm_core.isolation.values import encode_tree, to_tree, to_trees
from plugin_sdk import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ShapedRecord", "to_argument"]

# Numbers stand for these on the wire. A subclass is written as a tree: it could be anything.
_KINDS: tuple[Any, ...] = (Tree, NoneType, bool, int, float, str, Decimal, dt.datetime, dt.date, UUID)
_OF_TYPE = {kind: number for number, kind in enumerate(_KINDS) if number}
_TREE, _NOTHING, _ID = 0, _OF_TYPE[NoneType], _OF_TYPE[UUID]
_MOST_SHAPES = 2048
_MOST_RECENT = 16
_recent: dict[int, tuple[Record, ShapedRecord]] = {}
_NO_PLUGINS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
_known: dict[tuple[str, ...], tuple[int, ...]] = {}
_read_shape = msgspec.msgpack.Decoder(tuple[tuple[str, ...], tuple[int, ...]]).decode


class ShapedRecord(Node, array_like=True, tag=19):
    """A record whose values are written one after the other, as its shape says."""

    shape: bytes
    record_type: str
    id: UUID
    version: int
    values: bytes
    plugins: dict[str, dict[str, Tree]]

    def built(self, left: int) -> Record:
        """Return the record."""
        names, decode, trees = _reader(self.shape)
        values = decode(self.values)
        fields = dict(zip(names, values))  # noqa: B905 - the decoder has seen to it, and it would take half as long again
        for index in trees:
            fields[names[index]] = built(values[index], left)
        plugins = _plugins(self.plugins, left) if self.plugins else _NO_PLUGINS
        return Record(self.record_type, self.id, self.version, MappingProxyType(fields), plugins)


class _Writing(NamedTuple):
    """How values of one shape are written: which of them are trees, and which are moments."""

    shape: bytes
    trees: tuple[int, ...]
    moments: tuple[int, ...]


def _plugins(plugins: dict[str, dict[str, Tree]], left: int) -> Mapping[str, Mapping[str, Any]]:
    return MappingProxyType(
        {
            name: MappingProxyType({key: built(value, left) for key, value in own.items()})
            for name, own in plugins.items()
        }
    )


def to_argument(value: Any) -> Tree | ShapedRecord:
    """Return a value as the host writes it; raises EncodeError for what cannot travel."""
    if type(value) is not Record:
        return to_tree(value)
    # The same record goes to every plugin, and to several hooks of each.
    recent = _recent.get(id(value))
    if recent is not None and recent[0] is value:
        return recent[1]
    shaped = _shaped(value)
    return to_tree(value) if shaped is None else shaped


def _shaped(record: Record) -> ShapedRecord | None:
    """Return a record as its values and their shape; None where the long way is needed."""
    key: tuple[Any, Any] = record.id, record.version
    if not isinstance(key[0], UUID) or type(key[1]) is not int:
        return None  # a worker could not read it; the long way says why
    try:
        names, values = tuple(record.values), tuple(record.values.values())
        shape, trees, moments = _writing(names, tuple(map(type, values)))
        for index in moments:
            if values[index].tzinfo is not dt.UTC:
                return None  # its own offset would be lost
        written: Any = values
        if trees:
            written = list(values)
            for index in trees:
                written[index] = to_tree(values[index], DEEPEST - 1)
        plugins = {name: to_trees(own) for name, own in record.plugins.items()} if record.plugins else {}
        shaped = ShapedRecord(shape, record.record_type, record.id, record.version, encode_tree(written), plugins)
    except (OverflowError, AttributeError, TypeError):
        return None
    if not trees and not plugins:
        _remember(record, shaped)  # nothing in it can change
    return shaped


def _remember(record: Record, shaped: ShapedRecord) -> None:
    if len(_recent) >= _MOST_RECENT:
        _recent.clear()
    _recent[id(record)] = (record, shaped)


@lru_cache(_MOST_SHAPES)
def _writing(names: tuple[str, ...], types: tuple[type, ...]) -> _Writing:
    if not all(type(name) is str for name in names):
        raise TypeError("a record whose fields have no names")
    kinds = _with_what_is_known(names, tuple(map(_kind, types)))
    return _Writing(
        encode_tree((names, kinds)),
        tuple(index for index, kind in enumerate(kinds) if kind == _TREE),
        tuple(index for index, kind in enumerate(types) if kind is dt.datetime),
    )


def _with_what_is_known(names: tuple[str, ...], kinds: tuple[int, ...]) -> tuple[int, ...]:
    """Return kinds where a field that is empty in this record has the one it had in others.

    Otherwise there would be a shape for every choice of empty fields.
    """
    known = _known.get(names, kinds)
    if len(_known) > _MOST_SHAPES:
        _known.clear()
    merged = tuple(seen if kind == _NOTHING else kind for kind, seen in zip(kinds, known, strict=True))
    _known[names] = merged
    return merged


def _kind(kind: type) -> int:
    # The driver of PostgreSQL has ids of its own class.
    return _ID if issubclass(kind, UUID) else _OF_TYPE.get(kind, _TREE)


@lru_cache(_MOST_SHAPES)
def _reader(shape: bytes) -> tuple[tuple[str, ...], Callable[[bytes], tuple[Any, ...]], tuple[int, ...]]:
    names, kinds = _read_shape(shape)
    row = GenericAlias(tuple, tuple(_KINDS[kind] | None for kind in kinds))
    trees = tuple(index for index, kind in enumerate(kinds) if kind == _TREE)
    return names, msgspec.msgpack.Decoder(row).decode, trees
