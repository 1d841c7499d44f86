"""The nodes of a statement that has come from a worker, each argument checked when it is asked for."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql import operators

from crm_core.isolation.statements.types import made_type
from crm_core.isolation.statements.vocabulary import DEEPEST, LARGEST, OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Reader", "is_name"]

_LONGEST_NAME = 128
# What SQLAlchemy writes in the place of a parameter until it knows how the driver spells them.
_PLACEHOLDER = re.compile(r"%\(|__\[|[\x00-\x1f\x7f]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_SYMBOL = re.compile(r"[-+*/<>=~!@#%^&|?]{1,3}")
_MOST_PRECEDENCE = 100
_PLAIN: Final = frozenset(
    {type(None), bool, int, float, str, bytes, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, UUID}
)


def is_name(given: Any) -> bool:
    """Tell whether something can be the name of a column, label or alias; the compiler quotes it where needed."""
    return type(given) is str and 0 < len(given) <= _LONGEST_NAME and _PLACEHOLDER.search(given) is None


class Reader:
    """What has been built of a statement, and how large it would be, written out."""

    def __init__(self, values: list[Any]) -> None:
        self.built: list[Any] = []
        self._values = values
        self._sizes: list[int] = []
        self._depths: list[int] = []
        # Which selects a node has columns of, one bit each: a SELECT of these columns writes those out too.
        self._froms: list[int] = []
        self._begin()

    def _begin(self) -> None:
        self._size, self._depth, self._from = 1, 0, 0

    def add(self, made: Any) -> None:
        """Keep what a node has become; raises ValueError where the statement has grown too large."""
        if isinstance(made, sa.Select | sa.CompoundSelect | sa.Update | sa.Delete | sa.Insert):
            self._write_out_froms()
        if self._size > LARGEST:
            raise ValueError(f"a statement of more than {LARGEST} constructs; run several smaller ones")
        if self._depth > DEEPEST:
            raise ValueError(f"a statement more than {DEEPEST} levels deep; build a flatter one")
        self.built.append(made)
        self._sizes.append(self._size)
        self._depths.append(self._depth)
        self._froms.append(self._from)
        self._begin()

    def _write_out_froms(self) -> None:
        left, self._from = self._from, 0
        while left:
            place = left.bit_length() - 1
            left ^= 1 << place
            self._size += self._sizes[place]
            self._depth = max(self._depth, self._depths[place] + 1)

    def _node(self, number: Any, expected: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self.built):
            raise ValueError(f"there is no node {number!r:.50} here")
        made = self.built[number]
        if not isinstance(made, expected):
            raise TypeError(f"a {type(made).__name__} stands where it cannot")
        return made

    def node(self, number: Any, *expected: type) -> Any:
        """Return a node of one of some classes; it counts as part of the one that is being built."""
        made = self._node(number, expected)
        self._size += self._sizes[number]
        self._depth = max(self._depth, self._depths[number] + 1)
        self._from |= self._froms[number]
        return made

    def column(self, number: Any, place: Any) -> Any:
        """Return a column of something that is selected from, by its place there."""
        table = self._node(number, sa.FromClause)
        if type(place) is not int or not 0 <= place < len(table.c):
            raise ValueError(f"there is no column {place!r:.50} of {table}")
        if not isinstance(table, sa.TableClause):
            self._from = 1 << number
        return table.c[place]

    def expression(self, number: Any) -> Any:
        """Return a node that is an expression."""
        return self.node(number, sa.ColumnElement)

    def select(self, number: Any) -> Any:
        """Return a node that is a SELECT, or several."""
        return self.node(number, sa.Select, sa.CompoundSelect, sa.sql.selectable.SelectStatementGrouping)

    def source(self, number: Any) -> Any:
        """Return a node that can be selected from."""
        return self.node(number, sa.FromClause)

    def maybe(self, read: Callable[[Any], Any], given: Any) -> Any:
        """Return what is read, or None where there is nothing."""
        return None if given is None else read(given)

    def many(self, read: Callable[[Any], Any], given: Any) -> list[Any]:
        """Return what is read of each item of a list."""
        return [read(each) for each in self.listed(given)]

    def listed(self, given: Any) -> list[Any]:
        """Return a list."""
        if type(given) is not list:
            raise TypeError(f"a {type(given).__name__} stands where a list should")
        return given

    def flag(self, given: Any) -> bool:
        """Return a switch."""
        if type(given) is not bool:
            raise TypeError(f"a {type(given).__name__} stands where a switch should")
        return given

    def name(self, given: Any) -> str:
        """Return a name of a column, label or alias."""
        if not is_name(given):
            raise ValueError(f"{given!r:.100} cannot be a name in a statement")
        name: str = given
        return name

    def identifier(self, given: Any) -> str:
        """Return a name of letters, digits and underscores."""
        if type(given) is not str or not _IDENTIFIER.fullmatch(given):
            raise ValueError(f"{given!r:.100} is not made of letters, digits and underscores")
        return given

    def one_of(self, known: dict[str, Any], given: Any) -> Any:
        """Return what a word stands for."""
        if type(given) is not str or given not in known:
            raise ValueError(f"{given!r:.50} is none of {', '.join(known)}")
        return known[given]

    def kind(self, given: Any) -> Any:
        """Return a type."""
        if type(given) is not bytes:
            raise TypeError(f"a {type(given).__name__} stands where a type should")
        return made_type(given)

    def operator(self, given: Any) -> Any:
        """Return an operator: a known one, or a symbol with its precedence and three switches."""
        if type(given) is str:
            return self.one_of(OPERATORS, given)
        symbol, precedence, is_comparison, natural, eager = self.listed(given)
        if type(symbol) is not str or not _SYMBOL.fullmatch(symbol) or "--" in symbol or "/*" in symbol:
            raise ValueError(f"{symbol!r:.50} cannot be an operator; use SQLAlchemy's own")
        if type(precedence) is not int or abs(precedence) > _MOST_PRECEDENCE:
            raise ValueError(f"an operator with the precedence {precedence!r:.50}")
        return operators.custom_op(
            symbol,
            precedence=precedence,
            is_comparison=self.flag(is_comparison),
            natural_self_precedent=self.flag(natural),
            eager_grouping=self.flag(eager),
        )

    def value(self, place: Any) -> Any:
        """Return a value that travels beside the shape."""
        if type(place) is not int or not 0 <= place < len(self._values):
            raise ValueError(f"there is no value {place!r:.50}")
        value = self._values[place]
        if type(value) not in _PLAIN:
            _require_plain(value)
        return value

    def item(self, number: Any) -> Any:
        """Return an expression, or a value where the number is below zero."""
        return self.value(~number) if type(number) is int and number < 0 else self.expression(number)


def _require_plain(value: Any) -> None:
    """Raise for what no column holds: a record, for one; lists and mappings may be JSON."""
    if type(value) in _PLAIN:
        return
    if type(value) in (list, tuple):
        for each in value:
            _require_plain(each)
    elif type(value) is dict and all(type(name) is str for name in value):
        for each in value.values():
            _require_plain(each)
    else:
        raise TypeError(f"a {type(value).__name__} cannot be a value in a statement")
