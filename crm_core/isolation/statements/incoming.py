"""Put a statement of a plugin together that its worker has taken apart.

It is built with the constructors that plugins use themselves, of kinds, functions, operators and types in closed
tables, and has no text in it but names, which the compiler quotes. Whether the plugin may run it is decided afterwards,
by ``plugin_api.guarded`` as for any statement of any plugin; here it is only made sure that it is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update

from crm_core.isolation.statements import incoming_expressions, incoming_selects, incoming_writes
from crm_core.isolation.statements.reader import Reader
from crm_core.isolation.statements.vocabulary import LARGEST, LARGEST_SHAPE
from plugin_sdk import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Executable

__all__ = ["decode"]

_BUILDERS: dict[str, Callable[..., Any]] = {
    **incoming_expressions.BUILDERS,
    **incoming_selects.BUILDERS,
    **incoming_writes.BUILDERS,
}
_nodes = msgspec.msgpack.Decoder(list[list[Any]]).decode


def decode(tree: Any) -> Executable:
    """Return the statement; raises NotAllowed, ValueError or TypeError, whatever the tree is."""
    try:
        return _decoded(tree)
    except (NotAllowed, ValueError, TypeError):
        raise
    except Exception as error:
        # SQLAlchemy raises many things at what nobody would write.
        message = f"a statement that SQLAlchemy does not build: {type(error).__name__}: {error!s:.200}"
        raise ValueError(message) from error


def _decoded(tree: Any) -> Executable:
    if type(tree) is not list or [type(part) for part in tree] != [bytes, list]:
        raise TypeError("a statement that is not one")
    shape, values = tree
    if len(shape) > LARGEST_SHAPE:
        raise ValueError(f"a statement of {len(shape)} bytes without its values; run several smaller ones")
    nodes = _nodes(shape)
    if len(nodes) > LARGEST:
        raise ValueError(f"a statement of {len(nodes)} constructs; run several smaller ones")
    reader = Reader(values)
    for node in nodes:
        kind, *arguments = node or [""]
        if type(kind) is not str or kind not in _BUILDERS:
            raise ValueError(f"there is no construct {kind!r:.50}")
        reader.add(_BUILDERS[kind](reader, *arguments))
    statement: Executable | None = reader.built[-1] if reader.built else None
    if not isinstance(statement, Select | CompoundSelect | Insert | Update | Delete):
        raise TypeError(f"a {type(statement).__name__} is no statement")
    return statement
