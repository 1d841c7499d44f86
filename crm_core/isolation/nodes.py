"""What is not plain on the wire: one small array for each kind of value, which says how to build it.

What MessagePack knows by itself (None, booleans, integers of 64 bits, floats, text) stays as it is. Everything else is
an array that begins with a number for its kind. Nothing is ever unpickled or looked up by name: what is built is what
this module lists and nothing else, however the bytes came to be.
"""

# ruff: noqa: D101, D102 - each class is named by what it holds; what built() does is said once, in Node

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import msgspec

from plugin_sdk import (
    ConvertPatch,
    ConvertPlan,
    Environment,
    Event,
    Issue,
    Level,
    Match,
    Operation,
    Page,
    Patch,
    Record,
    Score,
    Stage,
    UninstallMode,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from enum import StrEnum

DEEPEST = 64
"""How deep lists and mappings may stand inside each other."""

LONGEST_DECIMAL = 4096
LONGEST_INTEGER = 512
_FEW = 16
# Numbers stand for these on the wire: new ones are added at the end.
ENUMS: tuple[type[StrEnum], ...] = (Operation, Level, UninstallMode)
CLASSES: tuple[type[Any], ...] = (
    *(Patch, Issue, Match, Score, Stage, ConvertPlan, ConvertPatch, Environment, Event, Page),
)
FIELDS: tuple[tuple[str, ...], ...] = tuple(
    getattr(each, "_fields", None) or tuple(each.__dataclass_fields__) for each in CLASSES
)
_MEMBERS: tuple[dict[str, StrEnum], ...] = tuple({member.value: member for member in kind} for kind in ENUMS)
_PLAIN = frozenset({NoneType, bool, int, float, str})


class DecodeError(ValueError):
    """Bytes that are no value of this module."""


class Node(msgspec.Struct, array_like=True):
    """What is not plain, on the wire."""

    def built(self, left: int) -> Any:
        """Return the value; ``left`` is how much deeper it may go."""
        raise NotImplementedError


class ListNode(Node, array_like=True, tag=0):
    items: list[Tree]

    def built(self, left: int) -> list[Any]:
        return _all_built(self.items, left)


class TupleNode(Node, array_like=True, tag=1):
    items: list[Tree]

    def built(self, left: int) -> tuple[Any, ...]:
        return tuple(_all_built(self.items, left))


class SetNode(Node, array_like=True, tag=2):
    items: list[Tree]

    def built(self, left: int) -> set[Any]:
        return set(_spread(_all_built(self.items, left)))


class FrozenSetNode(Node, array_like=True, tag=3):
    items: list[Tree]

    def built(self, left: int) -> frozenset[Any]:
        return frozenset(_spread(_all_built(self.items, left)))


class MapNode(Node, array_like=True, tag=4):
    items: dict[str, Tree]

    def built(self, left: int) -> dict[str, Any]:
        return _values_built(self.items, left)


class FrozenMapNode(Node, array_like=True, tag=5):
    items: dict[str, Tree]

    def built(self, left: int) -> Mapping[str, Any]:
        return MappingProxyType(_values_built(self.items, left))


class PairsNode(Node, array_like=True, tag=6):
    """A mapping whose keys are not all texts: those of ``record_load`` are ids."""

    keys: list[Tree]
    values: list[Tree]

    def built(self, left: int) -> dict[Any, Any]:
        keys = _spread(_all_built(self.keys, left))
        return dict(zip(keys, _all_built(self.values, left), strict=True))


class BytesNode(Node, array_like=True, tag=7, gc=False):
    value: bytes

    def built(self, _: int) -> bytes:
        return self.value


class IntegerNode(Node, array_like=True, tag=8, gc=False):
    value: bytes

    def built(self, _: int) -> int:
        if len(self.value) > LONGEST_INTEGER:
            raise DecodeError(f"an integer of {len(self.value)} bytes")
        return int.from_bytes(self.value, "big", signed=True)


class DecimalNode(Node, array_like=True, tag=9, gc=False):
    value: str

    def built(self, _: int) -> Decimal:
        if len(self.value) > LONGEST_DECIMAL:
            raise DecodeError(f"a decimal of {len(self.value)} characters")
        return reasonable(Decimal(self.value))


class IdNode(Node, array_like=True, tag=10, gc=False):
    value: UUID

    def built(self, _: int) -> UUID:
        return self.value


class MomentNode(Node, array_like=True, tag=11, gc=False):
    """A moment in UTC, as MessagePack has them."""

    value: dt.datetime

    def built(self, _: int) -> dt.datetime:
        return self.value


class LocalMomentNode(Node, array_like=True, tag=12, gc=False):
    """A moment with another offset, or without any."""

    value: str

    def built(self, _: int) -> dt.datetime:
        return dt.datetime.fromisoformat(self.value)


class DateNode(Node, array_like=True, tag=13, gc=False):
    value: dt.date

    def built(self, _: int) -> dt.date:
        return self.value


class TimeNode(Node, array_like=True, tag=14, gc=False):
    value: str

    def built(self, _: int) -> dt.time:
        return dt.time.fromisoformat(self.value)


class DurationNode(Node, array_like=True, tag=15, gc=False):
    days: int
    seconds: int
    microseconds: int

    def built(self, _: int) -> dt.timedelta:
        return dt.timedelta(self.days, self.seconds, self.microseconds)


class EnumNode(Node, array_like=True, tag=16, gc=False):
    kind: int
    member: str

    def built(self, _: int) -> StrEnum:
        return _MEMBERS[self.kind][self.member]


class MadeNode(Node, array_like=True, tag=17):
    """One of the SDK's classes, by its number, with its fields in their order."""

    kind: int
    fields: list[Tree]

    def built(self, left: int) -> Any:
        made: Any = CLASSES[self.kind]
        if len(self.fields) != len(FIELDS[self.kind]):
            raise DecodeError(f"a {made.__name__} with {len(self.fields)} fields")
        return made(*_all_built(self.fields, left))


class RecordNode(Node, array_like=True, tag=18):
    record_type: str
    id: UUID
    version: int
    values: dict[str, Tree]
    plugins: dict[str, dict[str, Tree]]

    def built(self, left: int) -> Record:
        values = MappingProxyType(_values_built(self.values, left))
        plugins = {name: MappingProxyType(_values_built(own, left)) for name, own in self.plugins.items()}
        return Record(self.record_type, self.id, self.version, values, MappingProxyType(plugins))


Tree: TypeAlias = (
    bool | int | float | str
    | ListNode | TupleNode | SetNode | FrozenSetNode | MapNode | FrozenMapNode | PairsNode
    | BytesNode | IntegerNode | DecimalNode | IdNode
    | MomentNode | LocalMomentNode | DateNode | TimeNode | DurationNode
    | EnumNode | MadeNode | RecordNode | None
)  # fmt: skip


def built(value: Tree | Node, left: int = DEEPEST) -> Any:
    """Return the value that a decoded tree stands for."""
    return value if type(value) in _PLAIN else value.built(left)  # type: ignore[union-attr]


def reasonable(value: Decimal) -> Decimal:
    """Return a decimal whose digits can be written out; raises ValueError for any other."""
    if not value.is_finite():
        raise ValueError(f"the decimal {value} is no number")
    if abs(value.adjusted()) > LONGEST_DECIMAL:
        raise ValueError(f"a decimal of more than {LONGEST_DECIMAL} digits")
    return value


def _all_built(items: list[Tree], left: int) -> list[Any]:
    if not left:
        raise DecodeError(f"more than {DEEPEST} levels")
    left -= 1
    return [each if type(each) in _PLAIN else each.built(left) for each in items]  # type: ignore[union-attr]


def _values_built(items: dict[str, Any], left: int) -> dict[str, Any]:
    """Return the mapping itself with its values built: it has been made for us only."""
    if not left:
        raise DecodeError(f"more than {DEEPEST} levels")
    left -= 1
    for name, each in items.items():
        if type(each) not in _PLAIN:
            items[name] = each.built(left)
    return items


def _spread(keys: list[Any]) -> list[Hashable]:
    """Return keys that are not made to collide: a few thousand equal hashes would keep the host busy for minutes."""
    if len(keys) > _FEW and len(set(map(hash, keys))) < len(keys) - _FEW:
        raise DecodeError(f"{len(keys)} keys that collide")
    return keys
