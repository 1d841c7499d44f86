"""SQL types on the wire: a name of a closed table and a few numbers; a plugin's own types stay in its worker."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import json as postgresql_json
from sqlalchemy.types import NullType, TupleType, TypeDecorator

from crm_core.isolation.statements.vocabulary import refusal

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    Type = sa.types.TypeEngine[Any]

__all__ = ["DIALECTS", "made_type", "written_type"]

DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
}

_TEXT = ("length",)
_FLOAT = ("precision", "asdecimal", "decimal_return_scale")
_DECIMAL = ("precision", "scale", "decimal_return_scale", "asdecimal")
_ZONE = ("timezone",)
_PRECISE = ("timezone", "precision")
_JSON = ("none_as_null",)

_TYPES: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    **{
        kind.__name__: (kind, ())
        for kind in (sa.Integer, sa.BigInteger, sa.SmallInteger, sa.INTEGER, sa.BIGINT, sa.SMALLINT)
    },
    **{kind.__name__: (kind, _DECIMAL) for kind in (sa.Numeric, sa.NUMERIC, sa.DECIMAL)},
    **{kind.__name__: (kind, _FLOAT) for kind in (sa.Float, sa.FLOAT, sa.REAL, sa.Double, sa.DOUBLE_PRECISION)},
    **{
        kind.__name__: (kind, _TEXT)
        for kind in (sa.String, sa.Text, sa.Unicode, sa.UnicodeText, sa.VARCHAR, sa.CHAR, sa.TEXT, sa.NVARCHAR)
    },
    **{kind.__name__: (kind, _TEXT) for kind in (sa.LargeBinary, sa.BLOB, postgresql.BYTEA)},
    **{kind.__name__: (kind, ()) for kind in (sa.Boolean, sa.BOOLEAN, sa.Date, sa.DATE, NullType)},
    **{kind.__name__: (kind, _ZONE) for kind in (sa.DateTime, sa.DATETIME, sa.Time, sa.TIME, sa.TIMESTAMP)},
    "Interval": (sa.Interval, ("native", "second_precision", "day_precision")),
    "Uuid": (sa.Uuid, ("as_uuid", "native_uuid")),
    "UUID": (sa.UUID, ("as_uuid",)),
    "JSON": (sa.JSON, _JSON),
    "JSON.index": (sa.JSON.JSONIndexType, ()),
    "JSON.int": (sa.JSON.JSONIntIndexType, ()),
    "JSON.str": (sa.JSON.JSONStrIndexType, ()),
    "JSON.path": (sa.JSON.JSONPathType, ()),
    "postgresql.TIMESTAMP": (postgresql.TIMESTAMP, _PRECISE),
    "postgresql.TIME": (postgresql.TIME, _PRECISE),
    "postgresql.INTERVAL": (postgresql.INTERVAL, ("precision",)),
    "postgresql.JSON": (postgresql.JSON, _JSON),
    "postgresql.JSONB": (postgresql.JSONB, _JSON),
    "postgresql.JSON.path": (postgresql_json.JSONPathType, ()),
}
_NAMES: Final = {kind: name for name, (kind, _) in _TYPES.items()}
_ARRAYS: Final[dict[str, Any]] = {"ARRAY": sa.ARRAY, "postgresql.ARRAY": postgresql.ARRAY}
_MOST_DIGITS = 10_000
_MOST_MEMBERS = 1000
_ENUM = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


@lru_cache(maxsize=1024)
def written_type(kind: Type) -> bytes:
    """Return a type as it travels; raises NotAllowed for one that no host knows."""
    return msgspec.msgpack.encode(_written(kind))


def _written(kind: Type) -> list[Any]:
    variants: dict[str, Any] = dict(kind._variant_mapping)  # noqa: SLF001 - no public name
    if variants:
        bare = kind.copy()
        bare._variant_mapping = sa.util.EMPTY_DICT  # noqa: SLF001 - as above
        return ["variants", *(written_type(each) for each in (bare, *(variants.get(name, bare) for name in DIALECTS)))]
    if type(kind) in _NAMES:
        name = _NAMES[type(kind)]
        return [name, *(getattr(kind, argument) for argument in _TYPES[name][1])]
    if isinstance(kind, TypeDecorator):
        _require_values_only(kind)
        stored = [kind.load_dialect_impl(dialect) for dialect in DIALECTS.values()]
        return ["variants", *(written_type(each) for each in (stored[0], *stored))]
    if isinstance(kind, sa.Enum) and type(kind) in (sa.Enum, postgresql.ENUM):
        called = None if kind.name is None else str.__str__(kind.name)
        return ["Enum", called, bool(kind.native_enum), kind.length, list(map(str.__str__, kind.enums))]
    if isinstance(kind, TupleType):
        return ["Tuple", [written_type(each) for each in kind.types]]
    for name, array in _ARRAYS.items():
        if type(kind) is array:
            return [name, *_parts_of_array(kind)]
    raise refusal(f"the type {kind!r}", "use SQLAlchemy's own types, or a TypeDecorator of one of them")


def _require_values_only(kind: TypeDecorator[Any]) -> None:
    """Raise for a type that writes SQL around its values, which nobody would see in the host."""
    own = type(kind)
    writes = own.bind_expression is not TypeDecorator.bind_expression
    if writes or own.column_expression is not TypeDecorator.column_expression:
        what = f"the type {own.__name__} with SQL of its own"
        raise refusal(what, "change values in process_bind_param and process_result_value")


def _parts_of_array(kind: Any) -> list[Any]:
    if isinstance(kind.item_type, TypeDecorator | sa.Enum):
        raise refusal(f"an ARRAY of {kind.item_type!r}", "use an ARRAY of one of SQLAlchemy's plain types")
    return [written_type(kind.item_type), kind.dimensions, bool(kind.as_tuple), bool(kind.zero_indexes)]


@lru_cache(maxsize=1024)
def made_type(written: bytes) -> Type:
    """Return the type that has been written; raises ValueError or TypeError for any other."""
    name, *arguments = _decode(written) or [""]
    if name == "variants":
        made, *others = map(_made_part, arguments)
        for dialect, other in zip(DIALECTS, others, strict=True):
            made = made.with_variant(other, dialect) if other is not made else made
        return made
    if name == "Enum":
        called, native, length, members = arguments
        return _enum(called, _numbers([native, length]), members)
    if name == "Tuple":
        (parts,) = arguments
        return TupleType(*map(_made_part, parts))
    if name in _ARRAYS:
        item, *numbers = arguments
        dimensions, as_tuple, zero_indexes = _numbers(numbers)
        array: Type = _ARRAYS[name](
            _made_part(item), dimensions=dimensions, as_tuple=as_tuple, zero_indexes=zero_indexes
        )
        return array
    if name not in _TYPES:
        raise ValueError(f"there is no type {name!r:.50}")
    kind, names = _TYPES[name]
    plain: Type = kind(**dict(zip(names, _numbers(arguments), strict=True)))
    return plain


def _made_part(written: Any) -> Type:
    if type(written) is not bytes:
        raise TypeError("a type that is none")
    return made_type(written)


def _enum(called: Any, numbers: list[Any], members: Any) -> Type:
    known = type(members) is list and len(members) <= _MOST_MEMBERS and all(type(each) is str for each in members)
    if not known or not (called is None or (type(called) is str and _ENUM.fullmatch(called))):
        raise ValueError("an Enum with a name or members that cannot be")
    native, length = numbers
    return sa.Enum(*members, name=called, native_enum=bool(native), length=length)


def _numbers(arguments: list[Any]) -> list[Any]:
    for each in arguments:
        if not (each is None or type(each) is bool or (type(each) is int and 0 <= each <= _MOST_DIGITS)):
            raise ValueError(f"a type with the argument {each!r:.50}")
    return arguments


_decode = msgspec.msgpack.Decoder(list[Any]).decode
