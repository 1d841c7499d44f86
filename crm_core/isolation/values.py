"""The values that travel between the core and a plugin's worker, as MessagePack: those of ``nodes`` and no others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from functools import partial
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from crm_core.isolation import nodes
from crm_core.isolation.nodes import DEEPEST, DecodeError, Tree
from crm_core.isolation.scan import is_modest
from plugin_sdk import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    Maker = Callable[[Any, int], Tree]

__all__ = [
    "DecodeError",
    "EncodeError",
    "Tree",
    "decode",
    "decoder_of",
    "encode",
    "encode_tree",
    "exact_id",
    "from_tree",
    "to_tree",
    "to_trees",
]

_LEAST, _MOST = -(2**63), 2**64 - 1
_PLAIN = frozenset({NoneType, bool, float, str})
# What a malformed tree makes the constructors raise; msgspec's own errors and DecodeError are ValueErrors.
_MALFORMED = (ValueError, TypeError, ArithmeticError, LookupError, RecursionError)


class EncodeError(ValueError):
    """A value that cannot travel; the text says which, and what can."""


def to_tree(value: Any, left: int = DEEPEST) -> Tree:
    """Return a value as it is written; raises EncodeError for what cannot travel."""
    if type(value) in _PLAIN:
        tree: Tree = value
        return tree
    return _MAKERS[type(value)](value, left)


def from_tree(tree: Tree | nodes.Node) -> Any:
    """Return the value of a tree that has been decoded; raises DecodeError where it stands for none."""
    try:
        return nodes.built(tree)
    except _MALFORMED as error:
        raise DecodeError(_told(error)) from None


def encode(value: Any) -> bytes:
    """Return a value as bytes; raises EncodeError for what cannot travel."""
    return encode_tree(to_tree(value))


def encode_tree(tree: Any) -> bytes:
    """Return a tree, or a struct with trees in it, as bytes."""
    try:
        return _encoder.encode(tree)
    except UnicodeEncodeError as error:
        raise EncodeError(f"a text that is not valid Unicode cannot travel: {error.reason}") from None


def decode(data: bytes) -> Any:
    """Return the value that was encoded; whatever the bytes are, nothing but DecodeError is raised."""
    return from_tree(_decode(data))


def decoder_of(kind: Any, *, trusted: bool = False) -> Callable[[bytes], Any]:
    """Return a function that decodes one kind of struct, with trees in it or not, and raises only DecodeError.

    What comes from someone ``trusted`` may hold any number of values.
    """
    strict = msgspec.msgpack.Decoder(kind).decode

    def decode_one(data: bytes) -> Any:
        if not trusted and not is_modest(data):
            raise DecodeError("too many values")
        try:
            return strict(data)
        except _MALFORMED as error:
            raise DecodeError(_told(error)) from None

    return decode_one


def _told(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__


def _items(values: Any, left: int) -> list[Tree]:
    if not left:
        raise EncodeError(f"lists and mappings more than {DEEPEST} levels deep cannot travel")
    left -= 1
    makers, plain = _MAKERS, _PLAIN
    return [each if type(each) in plain else makers[type(each)](each, left) for each in values]


def to_trees(values: Mapping[str, Any], left: int = DEEPEST) -> dict[str, Tree]:
    """Return the values of a mapping as they are written, by name."""
    if not left:
        raise EncodeError(f"lists and mappings more than {DEEPEST} levels deep cannot travel")
    left -= 1
    makers, plain = _MAKERS, _PLAIN
    return {str(name): each if type(each) in plain else makers[type(each)](each, left) for name, each in values.items()}


def _list(value: Any, left: int) -> Tree:
    return nodes.ListNode(_items(value, left))


def _tuple(value: Any, left: int) -> Tree:
    return nodes.TupleNode(_items(value, left))


def _set(value: Any, left: int) -> Tree:
    return nodes.SetNode(_items(value, left))


def _frozenset(value: Any, left: int) -> Tree:
    return nodes.FrozenSetNode(_items(value, left))


def _mapping(value: Mapping[Any, Any], left: int) -> Tree:
    for name in value:
        if not isinstance(name, str):
            return nodes.PairsNode(_items(value.keys(), left), _items(value.values(), left))
    return nodes.MapNode(to_trees(value, left))


def _frozen_mapping(value: Mapping[Any, Any], left: int) -> Tree:
    tree = _mapping(value, left)
    return nodes.FrozenMapNode(tree.items) if isinstance(tree, nodes.MapNode) else tree


def _integer(value: int, _: int) -> Tree:
    exact = value if type(value) is int else int(value)
    if _LEAST <= exact <= _MOST:
        return exact
    if exact.bit_length() >= nodes.LONGEST_INTEGER * 8:
        raise EncodeError(f"an integer of {exact.bit_length()} bits cannot travel")
    return nodes.IntegerNode(exact.to_bytes(exact.bit_length() // 8 + 1, "big", signed=True))


def _text(value: str, _: int) -> Tree:
    return str.__str__(value)


def _float(value: float, _: int) -> Tree:
    return float.__float__(value)


def _bytes(value: Any, _: int) -> Tree:
    return nodes.BytesNode(bytes(value))


def _decimal(value: Decimal, _: int) -> Tree:
    try:
        text = str(nodes.reasonable(value))
    except ValueError as error:
        raise EncodeError(f"{error}, and cannot travel") from None
    if len(text) > nodes.LONGEST_DECIMAL:
        raise EncodeError(f"a decimal of {len(text)} characters cannot travel")
    return nodes.DecimalNode(text)


def exact_id(value: UUID) -> UUID:
    """Return an id as Python's own class: the driver of PostgreSQL has another."""
    return value if type(value) is UUID else UUID(int=value.int)


def _id(value: UUID, _: int) -> Tree:
    return nodes.IdNode(value if type(value) is UUID else exact_id(value))


def _moment(value: dt.datetime, _: int) -> Tree:
    if value.tzinfo is dt.UTC and type(value) is dt.datetime:
        return nodes.MomentNode(value)
    return nodes.LocalMomentNode(value.isoformat())


def _date(value: dt.date, _: int) -> Tree:
    return nodes.DateNode(dt.date(value.year, value.month, value.day))


def _time(value: dt.time, _: int) -> Tree:
    return nodes.TimeNode(value.isoformat())


def _duration(value: dt.timedelta, _: int) -> Tree:
    return nodes.DurationNode(value.days, value.seconds, value.microseconds)


def _enum(members: Mapping[str, Tree], value: Any, _: int) -> Tree:
    return members[value]


def _made(kind: int, value: Any, left: int) -> Tree:
    return nodes.MadeNode(kind, _items([getattr(value, name) for name in nodes.FIELDS[kind]], left))


def _record(value: Any, left: int) -> Tree:
    try:
        plugins = {name: to_trees(own, left) for name, own in value.plugins.items()}
        return nodes.RecordNode(
            str(value.record_type), exact_id(value.id), int(value.version), to_trees(value.values, left), plugins
        )
    except (AttributeError, TypeError) as error:
        raise EncodeError(f"a Record with an id or fields of wrong types cannot travel: {error}") from None


class _Makers(dict[type, "Maker"]):
    """What writes values of each type."""

    def __missing__(self, kind: type) -> Maker:
        """Write a subclass as the first type that it belongs to, from now on."""
        maker = self[kind] = _maker_of_subclass(kind)
        return maker


_OF_EXACT_TYPES: dict[type, Maker] = {
    **{
        kind: partial(_enum, {member: nodes.EnumNode(number, member.value) for member in kind})
        for number, kind in enumerate(nodes.ENUMS)
    },
    **{kind: partial(_made, number) for number, kind in enumerate(nodes.CLASSES)},
    Record: _record,
    str: _text,
    int: _integer,
    float: _float,
    UUID: _id,
    Decimal: _decimal,
    dt.datetime: _moment,
    dt.date: _date,
    dt.time: _time,
    dt.timedelta: _duration,
    dict: _mapping,
    MappingProxyType: _frozen_mapping,
    list: _list,
    tuple: _tuple,
    frozenset: _frozenset,
    set: _set,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
}
_BASES = tuple(_OF_EXACT_TYPES.items())
_MAKERS = _Makers(_OF_EXACT_TYPES)


def _maker_of_subclass(kind: type) -> Maker:
    for base, maker in (*_BASES, (Mapping, _mapping), (AbstractSet, _frozenset)):
        if issubclass(kind, base):
            return maker
    raise EncodeError(
        f"a {kind.__qualname__} cannot travel between a plugin's worker and the core; use None, bool, int, float, str, "
        "bytes, Decimal, UUID, dates and times, the SDK's classes, and lists, sets and mappings of these"
    )


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decode = decoder_of(Tree)
