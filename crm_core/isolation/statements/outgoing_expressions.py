"""Take expressions apart: what each kind becomes on the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import elements, functions, operators, selectable
from sqlalchemy.sql.elements import (
    AsBoolean,
    BooleanClauseList,
    ClauseList,
    ExpressionClauseList,
    Grouping,
    IndexExpression,
)

from crm_core.isolation.statements.types import written_type
from crm_core.isolation.statements.vocabulary import FRAMES, MODIFIERS, OPERATOR_NAMES, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_core.isolation.statements.outgoing import Writer

__all__ = ["WRITERS", "name_of"]

_LITERAL_COLUMN = re.compile(r"\*|[0-9]+", re.ASCII)
_BETWEEN = (operators.between_op, operators.not_between_op)


def name_of(name: Any) -> str | None:
    """Return a name that somebody has given; None for one that SQLAlchemy makes up."""
    return None if name is None or isinstance(name, elements._anonymous_label) else str.__str__(name)  # noqa: SLF001 - no public name


def _column(writer: Writer, column: Any) -> list[Any]:
    table = column.table
    if table is None:
        if column.is_literal:
            return _literal(column)
        return ["free_column", str.__str__(column.name), written_type(column.type)]
    number = writer.write(table)
    for place, each in enumerate(table.c):
        if each is column:
            return ["column", number, place]
    for place, each in enumerate(table.c):
        if each.key == column.key and each.name == column.name:
            return ["column", number, place]
    raise refusal(f"the column {column.key} that {table} does not have", "take columns from the table's own .c")


def _literal(column: Any) -> list[Any]:
    if not _LITERAL_COLUMN.fullmatch(str(column.name)):
        raise refusal("literal_column", "name a column of a table, or bind the value")
    return ["literal", str.__str__(column.name)]


def _bind(writer: Writer, bind: Any) -> list[Any]:
    if bind.required:
        raise refusal(f"bindparam({bind.key!r}) without a value", "give it the value, as in bindparam(name, value)")
    if bind.literal_execute:
        raise refusal("literal_execute", "leave it out; values are bound")
    # A name that is made unique anyway says nothing that has to be kept.
    name = None if bind.unique else name_of(bind.key)
    expanding = OPERATOR_NAMES.get(bind.expand_op, "in_op") if bind.expanding else None
    value = bind.effective_value
    if not bind.expanding:
        return ["bind", written_type(bind.type), writer.value(value, bind.type), name, expanding]
    first = len(writer.values)
    for each in value:
        writer.value(each, bind.type)
    values = writer.values[first:]
    del writer.values[first:]
    writer.values.append(values)
    return ["bind", written_type(bind.type), first, name, expanding]


def _operator(operator: Any) -> Any:
    """Return an operator as it travels: its name, or what a custom one is made of."""
    if isinstance(operator, operators.custom_op):
        if operator.visit_name is not None:
            raise refusal(f"the operator {operator.opstring!r}", "use SQLAlchemy's own operators")
        precedence = max(-100, min(int(operator.precedence), 100))
        switches = (operator.is_comparison, operator.natural_self_precedent, operator.eager_grouping)
        return [str.__str__(operator.opstring), precedence, *map(bool, switches)]
    name = OPERATOR_NAMES.get(operator)
    if name is None:
        told = getattr(operator, "__name__", str(operator))
        raise refusal(f"the operator {told}", "use comparisons, arithmetic, LIKE, IN and BETWEEN")
    return name


def _binary(writer: Writer, binary: Any) -> list[Any]:
    if binary.operator in _BETWEEN:
        low, high = binary.right.clauses
        negated = binary.operator is operators.not_between_op
        bounds = [writer.write(binary.left), writer.write(low), writer.write(high)]
        return ["between", *bounds, negated, bool(binary.modifiers.get("symmetric"))]
    if binary.operator is operators.collate:
        return ["collate", writer.write(binary.left), str.__str__(binary.right.collation)]
    # What autoescape asks for has been done to the value.
    given = {name for name, value in binary.modifiers.items() if value is not None}
    extra = given - {"escape", "autoescape"}
    if extra:
        raise refusal(f"{binary.operator.__name__} with {', '.join(sorted(extra))}", "leave it out")
    left, right = writer.write(binary.left), writer.write(binary.right)
    operator = _operator(binary.operator)
    return ["binary", left, right, operator, written_type(binary.type), binary.modifiers.get("escape")]


def _unary(writer: Writer, unary: Any) -> list[Any]:
    if unary.modifier is not None:
        modifier = getattr(unary.modifier, "__name__", "")
        if modifier not in MODIFIERS:
            raise refusal(f"the modifier {modifier}", f"there are {', '.join(MODIFIERS)}")
        return ["ordered", writer.write(unary.element), modifier]
    return ["unary", writer.write(unary.element), _operator(unary.operator), written_type(unary.type)]


def _any_or_all(writer: Writer, unary: Any) -> list[Any]:
    return ["any" if unary.operator is operators.any_op else "all", writer.write(unary.element)]


def _as_boolean(writer: Writer, unary: Any) -> list[Any]:
    return ["as_boolean", writer.write(unary.element), unary.operator is operators.is_false]


def _clauses(writer: Writer, clauses: Any) -> list[Any]:
    return ["clauses", writer.many(clauses.clauses), _operator(clauses.operator), written_type(clauses.type)]


def _group(writer: Writer, group: Any) -> list[Any]:
    if type(group.element) is ClauseList and group.element.operator is operators.comma_op:
        return ["list", writer.many(group.element.clauses)]
    return ["group", writer.write(group.element)]


def _booleans(writer: Writer, clauses: Any) -> list[Any]:
    return ["booleans", writer.many(clauses.clauses), clauses.operator is operators.and_]


def _label(writer: Writer, label: Any) -> list[Any]:
    return ["label", name_of(label.name), writer.write(label.element), written_type(label.type)]


def _case(writer: Writer, case: Any) -> list[Any]:
    whens = [[writer.write(condition), writer.write(result)] for condition, result in case.whens]
    return ["case", writer.maybe(case.value), whens, writer.maybe(case.else_)]


def _function(writer: Writer, function: Any) -> list[Any]:
    if getattr(function, "packagenames", None):
        raise refusal(f"the function {function.name} of a schema", "use the functions that ctx.sql knows")
    arguments = writer.many(function.clauses)
    return ["function", str.__str__(function.name), arguments, written_type(function.type)]


def _over(writer: Writer, over: Any) -> list[Any]:
    parts = (over.partition_by, over.order_by)
    groups = [None if part is None else writer.many(part.clauses) for part in parts]
    return ["over", writer.write(over.element), *groups, *_frame(over)]


def _frame(over: Any) -> list[Any]:
    for name in FRAMES:
        frame = getattr(over, name)
        if frame is not None:
            bounds = [_bound(frame.lower_type, frame.lower_bind), _bound(frame.upper_type, frame.upper_bind)]
            return [name, bounds, over.exclude]
    return [None, None, None]


def _bound(kind: Any, bind: Any) -> int | None:
    if kind.name == "UNBOUNDED":
        return None
    if kind.name == "CURRENT":
        return 0
    distance = getattr(bind, "value", None)
    if type(distance) is not int or distance < 1:
        raise refusal(f"a window frame of {distance!r}", "give its bounds as whole numbers or None")
    return -distance if kind.name == "PRECEDING" else distance


def _constant(name: str) -> Callable[[Writer, Any], list[Any]]:
    return lambda _writer, _element: [name]


def _functions() -> Iterator[tuple[type, Callable[[Writer, Any], list[Any]]]]:
    for kind in vars(functions).values():
        if isinstance(kind, type) and issubclass(kind, functions.Function) and kind is not functions.next_value:
            yield kind, _function


WRITERS: dict[type, Callable[[Writer, Any], list[Any]]] = {
    elements.Null: _constant("null"),
    elements.True_: _constant("true"),
    elements.False_: _constant("false"),
    **dict(_functions()),
    sa.Column: _column,
    sa.ColumnClause: _column,
    sa.BindParameter: _bind,
    selectable._OffsetLimitParam: _bind,  # noqa: SLF001 - no public name
    sa.BinaryExpression: _binary,
    IndexExpression: _binary,
    sa.UnaryExpression: _unary,
    elements.CollectionAggregate: _any_or_all,
    AsBoolean: _as_boolean,
    ExpressionClauseList: _clauses,
    BooleanClauseList: _booleans,
    Grouping: _group,
    sa.Label: _label,
    sa.Cast: lambda writer, cast: ["cast", writer.write(cast.clause), written_type(cast.type)],
    sa.TypeCoerce: lambda writer, coerced: ["coerce", writer.write(coerced.clause), written_type(coerced.type)],
    sa.Case: _case,
    sa.Extract: lambda writer, extract: ["extract", str.__str__(extract.field), writer.write(extract.expr)],
    sa.Tuple: lambda writer, row: ["tuple", writer.many(row.clauses)],
    sa.Over: _over,
    sa.FunctionFilter: lambda writer, kept: ["filter", writer.write(kept.func), writer.write(kept.criterion)],
    elements._textual_label_reference: lambda _writer, label: ["label_named", str.__str__(label.element)],  # noqa: SLF001 - no public name
    selectable.ScalarSelect: lambda writer, scalar: ["scalar", writer.write(scalar.element)],
    sa.Exists: lambda writer, exists: ["exists", writer.write(exists.element)],
    selectable.SelectStatementGrouping: lambda writer, group: ["select_group", writer.write(group.element)],
}
