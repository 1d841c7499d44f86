"""What a plugin's own types make of values, on their way to the database and back; this stays in its worker."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.types import TupleType, TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Callable

    Process = Callable[[Any], Any]
    Type = sa.types.TypeEngine[Any]

__all__ = ["loader", "storer"]

# A worker does not know which database there is: a type that asks gets the answer "default".
_DIALECT = DefaultDialect()


@lru_cache(maxsize=1024)
def storer(kind: Type) -> Process | None:
    """Return what the plugin does to a value of the type before it is sent; None where it does nothing."""
    if isinstance(kind, TypeDecorator) and not isinstance(kind, sa.Interval):
        inner = storer(kind.impl_instance)
        if type(kind).process_bind_param is TypeDecorator.process_bind_param:
            return inner
        return _chained(lambda value: kind.process_bind_param(value, _DIALECT), inner)
    if isinstance(kind, sa.Enum):
        of_enum: Any = kind
        process = of_enum.bind_processor(_DIALECT)
        return lambda value: None if value is None else process(value)
    if isinstance(kind, TupleType):
        return _of_each([storer(each) for each in kind.types])
    return None


@lru_cache(maxsize=1024)
def loader(kind: Type) -> Process | None:
    """Return what the plugin does to a value that has been read; None where it does nothing."""
    if isinstance(kind, TypeDecorator) and not isinstance(kind, sa.Interval):
        inner = loader(kind.impl_instance)
        if type(kind).process_result_value is TypeDecorator.process_result_value:
            return inner
        return _chained(inner, lambda value: kind.process_result_value(value, _DIALECT))
    if isinstance(kind, sa.Enum):
        of_enum: Any = kind
        process: Process = of_enum.result_processor(_DIALECT, None)
        return process
    return None


def _chained(first: Process | None, second: Process | None) -> Process:
    if first is None or second is None:
        return first or second or (lambda value: value)
    return lambda value: second(first(value))


def _of_each(processes: list[Process | None]) -> Process | None:
    if not any(processes):
        return None
    return lambda row: tuple(
        value if process is None else process(value) for process, value in zip(processes, row, strict=True)
    )
