"""Put expressions together; each function is named by what it builds and takes the arguments of one kind of node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BooleanClauseList,
    ClauseList,
    ExpressionClauseList,
    Grouping,
    OperatorExpression,
    _textual_label_reference,
)

from crm_core.isolation.statements.vocabulary import FRAMES, FUNCTIONS, MODIFIERS, OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.statements.reader import Reader

__all__ = ["BUILDERS"]

_LITERAL = re.compile(r"\*|[0-9]{1,9}", re.ASCII)
_COLLATION = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)
_UNARY = ("neg", "inv", "distinct_op", "bitwise_not_op")
_IN = {name: OPERATORS[name] for name in ("in_op", "not_in_op")}
_FURTHEST = 2**31
_EXCLUDED = {word: word for word in ("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")}
_FRAMES = {name: name for name in FRAMES}


def _free_column(reader: Reader, name: Any, kind: Any) -> Any:
    return sa.column(reader.name(name), reader.kind(kind))


def _literal(_reader: Reader, text: Any) -> Any:
    if type(text) is not str or not _LITERAL.fullmatch(text):
        raise ValueError(f"{text!r:.50} is no column; name one of a table, or bind the value")
    return sa.literal_column(text)


def _bind(reader: Reader, kind: Any, place: Any, name: Any, expanding: Any) -> Any:
    key = reader.maybe(reader.identifier, name)
    bind = sa.bindparam(
        key, reader.value(place), reader.kind(kind), unique=key is None, expanding=expanding is not None
    )
    if expanding is not None:
        if type(bind.value) is not list:
            raise TypeError("a list of values that is none")
        bind.expand_op = reader.one_of(_IN, expanding)
    return bind


def _binary(reader: Reader, left: Any, right: Any, operator: Any, kind: Any, escape: Any) -> Any:
    if escape is not None and (type(escape) is not str or len(escape) != 1):
        raise ValueError("an escape character that is none")
    return sa.BinaryExpression(
        reader.expression(left),
        reader.node(right, sa.ColumnElement, sa.sql.selectable.SelectStatementGrouping),
        reader.operator(operator),
        type_=reader.kind(kind),
        modifiers=None if escape is None else {"escape": escape},
    )


def _between(reader: Reader, tested: Any, low: Any, high: Any, negated: Any, symmetric: Any) -> Any:
    # Without brackets the second half of ``a BETWEEN b AND c OR d`` is no part of it.
    lower, upper = (Grouping(each) if _is_boolean(each) else each for each in map(reader.expression, (low, high)))
    test = sa.between(reader.expression(tested), lower, upper, symmetric=reader.flag(symmetric))
    return sa.not_(test) if reader.flag(negated) else test


def _is_boolean(expression: Any) -> bool:
    return isinstance(expression, BooleanClauseList) or (
        isinstance(expression, OperatorExpression) and expression.operator in (operators.and_, operators.or_)
    )


def _unary(reader: Reader, element: Any, operator: Any, kind: Any) -> Any:
    if type(operator) is str and operator not in _UNARY:
        raise ValueError(f"{operator!r:.50} takes two sides")
    return sa.UnaryExpression(reader.expression(element), operator=reader.operator(operator), type_=reader.kind(kind))


def _ordered(reader: Reader, element: Any, modifier: Any) -> Any:
    return reader.one_of(MODIFIERS, modifier)(reader.expression(element))


def _as_boolean(reader: Reader, element: Any, negated: Any) -> Any:
    tested = reader.expression(element)
    return sa.not_(tested) if reader.flag(negated) else tested.self_group(against=operators.and_)


def _clauses(reader: Reader, clauses: Any, operator: Any, kind: Any) -> Any:
    between = reader.one_of(OPERATORS, operator)
    grouped = [each.self_group(against=between) for each in reader.many(reader.expression, clauses)]
    return ExpressionClauseList(between, *grouped, type_=reader.kind(kind))


def _booleans(reader: Reader, clauses: Any, both: Any) -> Any:
    join = sa.and_ if reader.flag(both) else sa.or_
    first, *others = reader.many(reader.expression, clauses)
    return join(first, *others)


def _collate(reader: Reader, element: Any, name: Any) -> Any:
    if type(name) is not str or not _COLLATION.fullmatch(name):
        raise ValueError(f"{name!r:.50} cannot be a collation")
    return sa.collate(reader.expression(element), name)


def _label(reader: Reader, name: Any, element: Any, kind: Any) -> Any:
    return sa.Label(reader.maybe(reader.name, name), reader.expression(element), type_=reader.kind(kind))


def _case(reader: Reader, value: Any, whens: Any, otherwise: Any) -> Any:
    pairs = [reader.many(reader.expression, pair) for pair in reader.listed(whens)]
    known = [(condition, result) for condition, result in pairs]
    if not known:
        raise ValueError("a CASE without a case")
    expression = reader.expression
    return sa.case(*known, value=reader.maybe(expression, value), else_=reader.maybe(expression, otherwise))


def _function(reader: Reader, name: Any, arguments: Any, kind: Any) -> Any:
    called = reader.identifier(name)
    given = reader.many(reader.expression, arguments)
    if called in FUNCTIONS:
        return FUNCTIONS[called](*given, type_=reader.kind(kind))
    return sa.Function(called, *given, type_=reader.kind(kind))


def _filter(reader: Reader, function: Any, criterion: Any) -> Any:
    return sa.funcfilter(reader.node(function, sa.Function), reader.expression(criterion))


def _over(reader: Reader, *given: Any) -> Any:
    element, partition, order, frame, bounds, excluded = given
    named: dict[str, Any] = {}
    if frame is not None:
        lower, upper = (reader.maybe(_bound, bound) for bound in reader.listed(bounds))
        named[reader.one_of(_FRAMES, frame)] = (lower, upper)
        named["exclude"] = reader.maybe(lambda word: reader.one_of(_EXCLUDED, word), excluded)
    function = reader.node(element, sa.Function, sa.FunctionFilter)
    groups = [None if part is None else reader.many(reader.expression, part) for part in (partition, order)]
    return sa.over(function, partition_by=groups[0], order_by=groups[1], **named)


def _bound(given: Any) -> int:
    if type(given) is not int or abs(given) >= _FURTHEST:
        raise ValueError("a window frame without a bound")
    return given


BUILDERS: dict[str, Callable[..., Any]] = {
    "column": lambda reader, source, place: reader.column(source, place),
    "free_column": _free_column,
    "literal": _literal,
    "bind": _bind,
    "null": lambda _reader: sa.null(),
    "true": lambda _reader: sa.true(),
    "false": lambda _reader: sa.false(),
    "binary": _binary,
    "between": _between,
    "unary": _unary,
    "ordered": _ordered,
    "any": lambda reader, element: sa.any_(reader.expression(element)),
    "all": lambda reader, element: sa.all_(reader.expression(element)),
    "as_boolean": _as_boolean,
    "clauses": _clauses,
    "booleans": _booleans,
    "group": lambda reader, element: Grouping(reader.expression(element)),
    "list": lambda reader, elements: ClauseList(*reader.many(reader.expression, elements)).self_group(),
    "collate": _collate,
    "label": _label,
    "label_named": lambda reader, name: _textual_label_reference(reader.name(name)),
    "cast": lambda reader, element, kind: sa.cast(reader.expression(element), reader.kind(kind)),
    "coerce": lambda reader, element, kind: sa.type_coerce(reader.expression(element), reader.kind(kind)),
    "case": _case,
    "extract": lambda reader, part, element: sa.extract(reader.identifier(part), reader.expression(element)),
    "tuple": lambda reader, elements: sa.tuple_(*reader.many(reader.expression, elements)),
    "function": _function,
    "filter": _filter,
    "over": _over,
    "scalar": lambda reader, select: reader.select(select).scalar_subquery(),
    "exists": lambda reader, select: sa.exists(reader.node(select, sa.ScalarSelect)),
}
