"""The words that both ends share: names on the wire, what each stands for, and how large a statement may be.

The tables are closed: what is not in them cannot be said.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import functions, operators

from plugin_sdk import NotAllowed

__all__ = [
    "COMPOUNDS",
    "DEEPEST",
    "FRAMES",
    "FUNCTIONS",
    "LABEL_STYLES",
    "LARGEST",
    "LARGEST_SHAPE",
    "MODIFIERS",
    "OPERATORS",
    "OPERATOR_NAMES",
    "refusal",
]

LARGEST: Final = 20_000
"""How many constructs a statement may have, each counted as often as it would be written."""

DEEPEST: Final = 60
"""How deep constructs may stand inside each other; SQLAlchemy needs several calls for each."""

LARGEST_SHAPE: Final = 256 * 1024
"""How many bytes the shape of a statement may take."""

OPERATORS: Final[dict[str, Any]] = {
    name: getattr(operators, name)
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "neg", "concat_op"),
        *("eq", "ne", "lt", "le", "gt", "ge", "is_", "is_not", "is_distinct_from", "is_not_distinct_from"),
        *("and_", "or_", "inv", "distinct_op", "in_op", "not_in_op"),
        *("like_op", "not_like_op", "ilike_op", "not_ilike_op"),
        *("startswith_op", "not_startswith_op", "istartswith_op", "not_istartswith_op"),
        *("endswith_op", "not_endswith_op", "iendswith_op", "not_iendswith_op"),
        *("contains_op", "not_contains_op", "icontains_op", "not_icontains_op"),
        *("bitwise_and_op", "bitwise_or_op", "bitwise_xor_op", "bitwise_not_op"),
        *("bitwise_lshift_op", "bitwise_rshift_op"),
        *("json_getitem_op", "json_path_getitem_op", "getitem"),
    )
}
OPERATOR_NAMES: Final[dict[Any, str]] = {operator: name for name, operator in OPERATORS.items()}

MODIFIERS: Final[dict[str, Any]] = {
    "desc_op": sa.desc,
    "asc_op": sa.asc,
    "nulls_first_op": sa.nulls_first,
    "nulls_last_op": sa.nulls_last,
}
"""What may follow an expression in ORDER BY, by the name of its operator."""

COMPOUNDS: Final[dict[str, Any]] = {
    "UNION": sa.union,
    "UNION_ALL": sa.union_all,
    "EXCEPT": sa.except_,
    "EXCEPT_ALL": sa.except_all,
    "INTERSECT": sa.intersect,
    "INTERSECT_ALL": sa.intersect_all,
}

LABEL_STYLES: Final[dict[str, Any]] = {
    style.name: style
    for style in (
        sa.LABEL_STYLE_NONE,
        sa.LABEL_STYLE_TABLENAME_PLUS_COL,
        sa.LABEL_STYLE_DISAMBIGUATE_ONLY,
    )
}

# SQLAlchemy writes these in ways of their own or knows their types; any other is its name and arguments.
FUNCTIONS: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (
        *(functions.char_length, functions.coalesce, functions.concat, functions.count, functions.cume_dist),
        *(functions.current_date, functions.current_timestamp, functions.dense_rank, functions.localtimestamp),
        *(functions.max, functions.min, functions.now, functions.percent_rank, functions.rank, functions.sum),
    )
}

FRAMES: Final = ("rows", "range_", "groups")


def refusal(what: str, supported: str) -> NotAllowed:
    """Return the error for what cannot travel: what it is, and what to do instead."""
    return NotAllowed(f"the plugin may not use {what} in ctx.sql; {supported}")
