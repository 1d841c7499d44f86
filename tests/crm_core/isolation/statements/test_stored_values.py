from __future__ import annotations

import enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TupleType

from crm_core.isolation.statements.stored_values import loader, storer


class _Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class _Reversed(sa.types.TypeDecorator[str]):
    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return value and value[::-1]

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return value and value[::-1]


class _Marked(sa.types.TypeDecorator[str]):
    impl = _Reversed
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return f"{value}!"

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return value and value.removesuffix("!")


class _Same(sa.types.TypeDecorator[int]):
    impl = sa.Integer
    cache_ok = True


def _stored(kind: Any, value: Any) -> Any:
    store = storer(kind)
    return value if store is None else store(value)


def _loaded(kind: Any, value: Any) -> Any:
    load = loader(kind)
    return value if load is None else load(value)


def test_each_type_does_its_part_in_turn() -> None:
    assert _stored(_Reversed(), "abc") == "cba"
    assert _stored(_Reversed(), None) is None
    assert _stored(_Marked(), "abc") == "!cba"
    assert _loaded(_Marked(), "!cba") == "abc"
    assert _stored(sa.Enum(_Size), _Size.LARGE) == "LARGE"
    assert _stored(sa.Enum(_Size), None) is None
    assert _loaded(sa.Enum(_Size), "SMALL") is _Size.SMALL
    assert _stored(TupleType(sa.Integer(), _Reversed()), (1, "ab")) == (1, "ba")


def test_types_that_do_nothing_cost_nothing() -> None:
    for kind in (sa.Integer(), sa.Interval(), sa.Uuid(), sa.JSON(), _Same(), TupleType(sa.Integer())):
        assert storer(kind) is None
        assert loader(kind) is None
