"""Cursors: where a page ended, as values of the sort keys, so that deep pages cost what the first costs."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, false, or_

from crm_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_core.records.filters import Sort


class _Position(msgspec.Struct, array_like=True):
    sort: str
    values: list[Any]


def encode(sorts: Sequence[Sort], values: Sequence[Any]) -> str:
    """Return the cursor behind a row with these sort values."""
    position = _Position(_signature(sorts), list(values))
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode(sorts: Sequence[Sort], cursor: str) -> list[Any]:
    """Return the sort values of a cursor; it must have been made for the same sort."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = msgspec.json.decode(raw, type=_Position)
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        message = "the cursor cannot be read; use next_cursor of an answer as it is, or leave it out"
        raise InvalidInput(message, parameter="cursor") from None
    if position.sort != _signature(sorts) or len(position.values) != len(sorts):
        message = (
            f"the cursor was made for sort={position.sort}; keep the sort while you page, or start without a cursor"
        )
        raise InvalidInput(message, parameter="cursor")
    pairs = zip(sorts, position.values, strict=True)
    return [None if value is None else sort.target.convert(value) for sort, value in pairs]


def _signature(sorts: Sequence[Sort]) -> str:
    return ",".join(("-" if sort.descending else "") + sort.target.name for sort in sorts)


def after(sorts: Sequence[Sort], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition for rows behind the position; the values are bound to ``after_<n>``."""
    condition: ColumnElement[bool] = false()
    for index in reversed(range(len(sorts))):
        beyond, equal = _beyond(sorts[index], values[index], index)
        condition = or_(beyond, and_(equal, condition)) if index < len(sorts) - 1 else beyond
    return condition


def _beyond(sort: Sort, value: Any, index: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions "behind this value" and "at this value" for one key; empty values come last."""
    column = sort.target.column
    if value is None:
        return false(), column.is_(None)
    bound = bindparam(f"after_{index}", type_=column.type)
    beyond = column < bound if sort.descending else column > bound
    if column.nullable:
        beyond = or_(beyond, column.is_(None))
    return beyond, column == bound
