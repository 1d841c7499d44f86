from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import NullType, TupleType

from crm_core.isolation.statements.types import DIALECTS, made_type, written_type
from plugin_sdk import NotAllowed

_KINDS: list[Any] = [
    sa.Integer(), sa.BigInteger(), sa.SmallInteger(), sa.INTEGER(), sa.Numeric(19, 4), sa.Numeric(asdecimal=False),
    sa.DECIMAL(5), sa.Float(), sa.Float(53), sa.REAL(), sa.Double(), sa.String(), sa.String(7), sa.Text(),
    sa.VARCHAR(3),
    sa.CHAR(2), sa.Unicode(4), sa.LargeBinary(), sa.Boolean(), sa.Date(), sa.DateTime(), sa.DateTime(timezone=True),
    sa.TIMESTAMP(timezone=True), sa.Time(), sa.Interval(), sa.Uuid(), sa.Uuid(as_uuid=False), sa.UUID(), sa.JSON(),
    sa.JSON(none_as_null=True), postgresql.JSONB(), postgresql.TIMESTAMP(precision=3), NullType(),
    sa.ARRAY(sa.Integer()), postgresql.ARRAY(sa.Text(), dimensions=2), TupleType(sa.Integer(), sa.Text()),
    sa.Enum("a", "b", name="kind", native_enum=False), sa.Text().with_variant(sa.String(9), "sqlite"),
    sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
]  # fmt: skip


class _Short(sa.types.TypeDecorator[str]):
    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return sa.CHAR(32) if dialect.name == "sqlite" else sa.Uuid()


@pytest.mark.parametrize("kind", _KINDS, ids=repr)
def test_a_type_is_the_same_when_it_has_arrived(kind: Any) -> None:
    made: Any = made_type(written_type(kind))
    assert type(made) is type(kind)
    assert repr(made) == repr(kind)
    for dialect in DIALECTS.values():
        assert repr(made.dialect_impl(dialect)) == repr(kind.dialect_impl(dialect))
    assert made_type(written_type(kind)) is made


def test_a_type_of_the_plugins_own_is_what_it_is_stored_as() -> None:
    made = made_type(written_type(_Short()))
    assert {name: repr(made.dialect_impl(each)) for name, each in DIALECTS.items()} == {
        "sqlite": repr(sa.CHAR(32).dialect_impl(DIALECTS["sqlite"])),
        "postgresql": repr(sa.Uuid().dialect_impl(DIALECTS["postgresql"])),
    }
    with pytest.raises(NotAllowed, match="an ARRAY of _Short"):
        written_type(sa.ARRAY(_Short()))


@pytest.mark.parametrize(
    "written",
    [
        *([], ["Unknown"], ["Integer", 1], ["Numeric", "1", None, None, True], ["String", -1], ["String", 10**9]),
        *(["Enum", "x y", False, None, ["a"]], ["Enum", None, False, None, [1]], ["Enum", None, False, None, "ab"]),
        *(["variants", b"\x91\xa4Text"], ["Tuple", 1], ["Tuple", ["Text"]], ["ARRAY", "Text", None, False, False]),
        *(["variants", 1, 2, 3], {"a": 1}, 7),
    ],
    ids=repr,
)
def test_what_is_no_type_is_refused(written: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        made_type(msgspec.msgpack.encode(written))
