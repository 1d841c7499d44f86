"""Patterns in text, upper and lower case alike for every script, the same on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.types import Boolean

if TYPE_CHECKING:
    from sqlalchemy import Column

ESCAPE = "\\"
# SQLite refuses patterns of more than 50,000 bytes; a character has four at most.
MAX_PATTERN = 10_000


class _Matches(ColumnElement[bool]):
    """The condition itself; how it is written differs per database."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Column[Any], pattern: BindParameter[Any]) -> None:
        self.column = column
        self.pattern = pattern


def matches(column: Column[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that the column's text fits the LIKE pattern bound to ``name``; ``ESCAPE`` escapes."""
    return _Matches(column, bindparam(name, type_=column.type))


@compiles(_Matches, "postgresql")
def _on_postgresql(element: _Matches, compiler: Any, **kw: Any) -> str:
    # The columns' own collation, which makes sorts alike everywhere, knows upper and lower case in ASCII only.
    column = f'{compiler.process(element.column, **kw)} COLLATE "default"'
    return f"({column} ILIKE {compiler.process(element.pattern, **kw)} ESCAPE '{ESCAPE}')"


@compiles(_Matches, "sqlite")
def _on_sqlite(element: _Matches, compiler: Any, **kw: Any) -> str:
    column, pattern = compiler.process(element.column, **kw), compiler.process(element.pattern, **kw)
    return f"(crm_lower({column}) LIKE crm_lower({pattern}) ESCAPE '{ESCAPE}')"


def lower(text: str | None) -> str | None:
    """Return a text in lower case letter by letter, as PostgreSQL does; SQLite itself knows ASCII only.

    A few letters follow the locale of a PostgreSQL database: a final sigma, and I with a dot.
    """
    if text is None or text.isascii():
        return None if text is None else text.lower()
    # Python looks at the neighbours of these two: a final sigma, and an I with a dot that would become two characters.
    return text.replace("\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER SIGMA}").replace("İ", "i").lower()
