"""Take a plugin's statement apart for its way to the host; see the package for what it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.annotation import Annotated
from sqlalchemy.sql.elements import _label_reference
from sqlalchemy.sql.selectable import FromGrouping

from crm_core.isolation.statements import outgoing_expressions, outgoing_selects, outgoing_writes
from crm_core.isolation.statements.stored_values import loader, storer
from crm_core.isolation.statements.vocabulary import LARGEST, LARGEST_SHAPE, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Executable

__all__ = ["encode", "results"]

_STATEMENTS = (Select, CompoundSelect, Insert, Update, Delete)
_WRITERS: dict[type, Callable[[Writer, Any], list[Any]]] = {
    **outgoing_expressions.WRITERS,
    **outgoing_selects.WRITERS,
    **outgoing_writes.WRITERS,
}
_REFUSED = {
    "TextClause": ("textual SQL", "build the statement with SQLAlchemy's constructs"),
    "TString": ("textual SQL", "build the statement with SQLAlchemy's constructs"),
    "next_value": ("a sequence", "make ids in Python"),
}
_encode = msgspec.msgpack.Encoder().encode


def encode(statement: Executable) -> Any:
    """Return a statement as it travels; raises NotAllowed for what cannot, with what to do instead."""
    if not isinstance(statement, _STATEMENTS):
        raise refusal(type(statement).__name__, "build a select, insert, update or delete")
    writer = Writer()
    try:
        writer.write(statement)
    except RecursionError:
        raise refusal("a statement with so many levels", "build a flatter one, or several") from None
    except SQLAlchemyError as error:
        raise refusal(f"a {type(statement).__name__} that has no SQL", str(error)) from error
    shape = _encode(writer.nodes)
    if len(writer.nodes) > LARGEST or len(shape) > LARGEST_SHAPE:
        raise refusal("so large a statement", "run several smaller ones")
    return [shape, writer.values]


def results(statement: Executable, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of a statement with what the plugin's own types make of their values."""
    if not isinstance(statement, Select | CompoundSelect) or not rows:
        return rows
    loaders = [loader(column.type) for column in statement.selected_columns]
    if not any(loaders):
        return rows
    return [_loaded(row, loaders) for row in rows]


def _loaded(row: Mapping[str, Any], loaders: list[Callable[[Any], Any] | None]) -> Mapping[str, Any]:
    return {
        name: value if load is None or value is None else load(value)
        for (name, value), load in zip(row.items(), loaders, strict=True)
    }


class Writer:
    """One statement that is being taken apart."""

    def __init__(self) -> None:
        self.nodes: list[list[Any]] = []
        self.values: list[Any] = []
        self._numbers: dict[int, int] = {}
        # A number is known by the construct's place in memory, so it has to stay there.
        self._kept: list[Any] = []

    def write(self, element: Any) -> int:
        """Return the number of a construct, after writing it unless that has been done."""
        number = self._numbers.get(id(element))
        if number is None:
            number = self._written(element)
            self._numbers[id(element)] = number
            self._kept.append(element)
        return number

    def _written(self, element: Any) -> int:
        if isinstance(element, Annotated):
            return self.write(element._deannotate(None, clone=False))  # noqa: SLF001 - no public name
        if isinstance(element, _label_reference | FromGrouping):
            # The host makes one itself, of a label that rows are ordered by or a join in a join.
            return self.write(element.element)
        node = _writer_of(type(element))(self, element)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def maybe(self, element: Any) -> int | None:
        """Return the number of a construct that need not be there."""
        return None if element is None else self.write(element)

    def many(self, elements: Iterable[Any]) -> list[int]:
        """Return the numbers of some constructs."""
        return [self.write(each) for each in elements]

    def value(self, value: Any, kind: Any) -> int:
        """Return the number of a value, after what the plugin's own type does to it."""
        store = storer(kind)
        self.values.append(_plain(value if store is None else store(value)))
        return len(self.values) - 1


def _plain(value: Any) -> Any:
    """Return a value without what only the plugin knows of it: members of a StrEnum are texts to a database."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and type(value) not in (int, bool):
        return int(value)
    return value


def _writer_of(kind: type) -> Callable[[Writer, Any], list[Any]]:
    """Return what writes constructs of a class; of a class that is not known, what writes its parent's."""
    known = _WRITERS.get(kind)
    if known is None:
        what, supported = _REFUSED.get(
            kind.__name__, (f"a {kind.__name__}", "build it from columns, functions and operators of SQLAlchemy Core")
        )
        raise refusal(what, supported)
    return known
