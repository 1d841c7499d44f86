"""SQLAlchemy Core constructs compiled once per dialect to the text and converters that drivers take.

SQLAlchemy owns schema, types and statement construction; its connections stay off the hot path, which
costs a third of a request otherwise (``DECISION.md``).
"""

from __future__ import annotations

from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as _asyncpg

from crm_core.db.names import sqlite_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Executable
    from sqlalchemy.engine import Dialect

POSTGRES: Dialect = _asyncpg.dialect()  # type: ignore[no-untyped-call]
SQLITE: Dialect = sqlite.dialect(paramstyle="qmark")
MARK = "/*{}*/"
"""What a plugin's statement begins with on SQLite; the number stands for its rights, and no text brings its own."""


class Prepared:
    """A statement for one dialect: its text, how to bind values by name, how to read result rows."""

    __slots__ = ("_binders", "_decoders", "columns", "plain", "text", "width")

    def __init__(self, compiled: Any, dialect: Dialect) -> None:
        """Take what SQLAlchemy has compiled for the dialect."""
        # Lists given with the construct itself (``column.in_([…])``) are spelled out here, one parameter each.
        expanded = compiled.construct_expanded_state(compiled.params)
        self.text = _unmarked(sqlite_text(expanded.statement)) if dialect is SQLITE else expanded.statement
        processors = {**compiled._bind_processors, **expanded.processors}  # noqa: SLF001 - no public name
        defaults = expanded.parameters
        self._binders = tuple((name, processors.get(name), defaults[name]) for name in expanded.positiontup or ())
        writes = bool(compiled.isinsert or compiled.isupdate or compiled.isdelete)
        selected = [] if writes else compiled._result_columns  # noqa: SLF001 - no public name
        self.columns = tuple(str(column.keyname) for column in selected)
        self._decoders = tuple(
            (index, decoder)
            for index, column in enumerate(selected)
            if (decoder := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        )
        self.width = len(self._binders)
        self.plain = not self._decoders

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the driver's positional parameters; a name without a value takes the construct's own."""
        return [
            converter(values.get(name, default)) if converter else values.get(name, default)
            for name, converter, default in self._binders
        ]

    def own_values(self) -> list[tuple[str, Any]]:
        """Return the construct's own values with the names of their parameters."""
        return [(name, value) for name, _, value in self._binders]

    def with_values(self, values: Mapping[str, Any]) -> Prepared:
        """Return the same statement with other values of its own."""
        other = copy(self)
        other._binders = tuple((name, converter, values[name]) for name, converter, _ in self._binders)  # noqa: SLF001 - of our own class
        return other

    def decode(self, rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
        """Return rows with Python values, equal on every database."""
        if self.plain:
            return list(rows)
        return [self._row(row) for row in rows]

    def _row(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for index, decoder in self._decoders:
            value = values[index]
            if value is not None:
                values[index] = decoder(value)
        return values


class Statement:
    """A construct that is compiled at its first use on each dialect and kept."""

    __slots__ = ("_prepared", "columns", "construct")

    def __init__(self, construct: Executable, columns: Sequence[str] | None = None) -> None:
        """Keep the construct; nothing is compiled yet."""
        self.construct = construct
        self.columns = columns
        self._prepared: dict[int, Prepared] = {}

    def on(self, dialect: Dialect) -> Prepared:
        """Return the statement compiled for the dialect."""
        prepared = self._prepared.get(id(dialect))
        if prepared is None:
            # ``columns`` are those an INSERT or UPDATE sets from values of their name.
            compiled = self.construct.compile(dialect=dialect, column_keys=self.columns)  # type: ignore[attr-defined]
            prepared = self._prepared[id(dialect)] = Prepared(compiled, dialect)
        return prepared


def _unmarked(text: str) -> str:
    if text.startswith("/*"):
        raise ValueError(f"a statement begins with a comment: {text[:60]!r}; put it behind the first word")
    return text


@lru_cache(maxsize=1024)
def merged_text(statements: tuple[Prepared, ...], guard: bool) -> str:  # noqa: FBT001 - part of the cache key
    """Return one PostgreSQL statement that runs them all, the first being ``s0``.

    With ``guard`` the first must touch a row: otherwise the division below fails (SQLSTATE 22012) and
    takes the whole statement with it, so that nothing of it is kept.
    """
    parts: list[str] = []
    offset = 0
    for index, prepared in enumerate(statements):
        returning = " RETURNING 1" if guard and index == 0 else ""
        parts.append(f"s{index} AS ({_shift(prepared.text, offset)}{returning})")
        offset += prepared.width
    tail = "SELECT 1 / count(*) FROM s0" if guard else "SELECT 1"
    return f"WITH {', '.join(parts)} {tail}"


def _shift(text: str, offset: int) -> str:
    if not offset:
        return text
    head, *rest = text.split("$")
    pieces = [head]
    for piece in rest:
        digits = len(piece) - len(piece.lstrip("0123456789"))
        pieces.append(f"{int(piece[:digits]) + offset}{piece[digits:]}")
    return "$".join(pieces)
