from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
import uuid
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as postgresql

from crm_core.schema.types import (
    Day,
    Flag,
    Id,
    Json,
    Money,
    Percent,
    Quantity,
    Rate,
    UnitPrice,
    UtcDateTime,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

_SQLITE: Dialect = sqlite.dialect(paramstyle="qmark")
_POSTGRES: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

_INT64 = 2**63 - 1
_SCALED = (Money, UnitPrice, Quantity, Rate, Percent)


def _decimals(type_: type[Any]) -> st.SearchStrategy[Decimal]:
    limit = int(type_.limit.scaleb(type_.scale))
    whole = st.integers(-limit, limit) | st.sampled_from([0, 1, -1, limit, -limit])
    return whole.map(lambda number: Decimal(number).scaleb(-type_.scale))


_MOMENTS = st.datetimes(
    dt.datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zones
    dt.datetime(9999, 12, 29),  # noqa: DTZ001
    timezones=st.timezones(),
)

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), _INT64) | st.floats(-1e15, 1e15) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_CASES = [
    *(pytest.param(type_(), _decimals(type_), id=type_.__name__) for type_ in _SCALED),
    pytest.param(Id(), st.uuids(), id="Id"),
    pytest.param(UtcDateTime(), _MOMENTS, id="UtcDateTime"),
    pytest.param(Day(), st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30)), id="Day"),
    pytest.param(Json(), _JSON, id="Json"),
    pytest.param(Flag(), st.booleans(), id="Flag"),
    pytest.param(sa.Text(), _TEXTS, id="Text"),
    pytest.param(sa.Integer(), st.integers(-(2**31), 2**31 - 1), id="Integer"),
    pytest.param(sa.BigInteger(), st.integers(-(2**63), _INT64), id="BigInteger"),
]


def _prepared(type_: TypeEngine[Any], dialect: Dialect) -> tuple[str, str, Callable[..., Any], Callable[..., Any]]:
    """Give what the request path uses: text and processors, and no SQLAlchemy connection."""
    table = sa.Table("kept", sa.MetaData(), sa.Column("value", type_))
    create = str(sa.schema.CreateTable(table, if_not_exists=True).compile(dialect=dialect))
    insert: Any = sa.insert(table).returning(table.c.value).compile(dialect=dialect)
    bind = insert._bind_processors.get("value", lambda value: value)  # noqa: SLF001 - what the request path reads
    result = type_.dialect_impl(dialect).result_processor(dialect, None)
    return create, str(insert), bind, result or (lambda value: value)


@contextmanager
def _on_sqlite(type_: TypeEngine[Any]) -> Iterator[Callable[[Any], Any]]:
    create, insert, bind, result = _prepared(type_, _SQLITE)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(create)
    try:
        yield lambda value: result(connection.execute(insert, (bind(value),)).fetchone()[0])
    finally:
        connection.close()


@contextmanager
def _on_postgresql(url: str, type_: TypeEngine[Any]) -> Iterator[Callable[[Any], Any]]:
    create, insert, bind, result = _prepared(type_, _POSTGRES)
    with asyncio.Runner() as runner:
        connection = runner.run(_connect(url))
        runner.run(connection.execute(create.replace("CREATE TABLE", "CREATE TEMPORARY TABLE")))
        try:
            yield lambda value: result(runner.run(connection.fetchval(insert, bind(value))))
        finally:
            runner.run(connection.close())


async def _connect(url: str) -> Any:
    return await asyncpg.connect(url)


@pytest.mark.parametrize(("type_", "values"), _CASES)
def test_values_come_back_equal_from_both_databases(
    postgres_url: str, type_: TypeEngine[Any], values: st.SearchStrategy[Any]
) -> None:
    with _on_sqlite(type_) as on_sqlite, _on_postgresql(postgres_url, type_) as on_postgresql:

        @settings(max_examples=60, deadline=None)
        @given(values)
        def law(value: object) -> None:
            first, second = on_sqlite(value), on_postgresql(value)
            # A time that a zone skips or repeats is only comparable once it is in UTC.
            expected = value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
            assert first == expected
            assert second == expected
            if isinstance(value, Decimal):
                # Equal decimals can differ in their zeros; here they may not, since they are shown as they are.
                assert str(first) == str(second)
            if isinstance(value, dt.datetime):
                assert first.utcoffset() == second.utcoffset() == dt.timedelta()

        law()
        assert on_sqlite(None) is None
        assert on_postgresql(None) is None


@pytest.mark.parametrize("type_", _SCALED)
@pytest.mark.parametrize("dialect", [_SQLITE, _POSTGRES], ids=lambda dialect: dialect.name)
def test_numbers_that_are_not_exact_are_refused_the_same_way_on_both(type_: type[Any], dialect: Dialect) -> None:
    bind = type_().bind_processor(dialect)
    for wrong in (1.5, True, "1.5"):
        with pytest.raises(TypeError, match=rf"^{type_.__name__} takes Decimal or int, not {type(wrong).__name__}"):
            bind(wrong)
    for word in ("NaN", "sNaN", "Infinity", "-Infinity"):
        with pytest.raises(ValueError, match=rf"^{type_.__name__} cannot hold {word}: give a finite number"):
            bind(Decimal(word))
    too_fine = Decimal(1).scaleb(-type_.scale - 1)
    for value in (too_fine, Decimal("1E-999999")):
        with pytest.raises(ValueError, match=rf"the limit is {type_.scale} decimal places; round it first"):
            bind(value)
    for large in (type_.limit + type_.step, -type_.limit - type_.step, Decimal("1E+999999999"), 10**30):
        with pytest.raises(ValueError, match=rf"the limit is {type_.limit} either side of zero"):
            bind(large)


def test_limits_are_what_an_int64_and_the_column_both_hold() -> None:
    assert Money.limit == Decimal("922337203685477.5807")
    assert UnitPrice.limit == Quantity.limit == Decimal("9223372036854.775807")
    assert Rate.limit == Decimal("922337203.6854775807")
    assert Percent.limit == Decimal("999.9999")


def test_trailing_zeros_beyond_the_scale_lose_nothing() -> None:
    assert Money().bind_processor(_SQLITE)(Decimal("1.500000000")) == 15_000
    assert str(Money().bind_processor(_POSTGRES)(7)) == "7.0000"


def test_a_fraction_computed_by_sqlite_is_not_taken_for_an_amount() -> None:
    with pytest.raises(TypeError, match=r"SQLite returned 1\.5 for Money, which is stored as a whole number"):
        Money().result_processor(_SQLITE, None)(1.5)


def test_products_in_sql_are_refused_and_sums_are_not() -> None:
    amount = sa.column("amount", Money())
    with pytest.raises(TypeError, match="Money cannot be multiplied or divided in SQL"):
        _ = amount * Decimal(2)
    compiled: Any = (amount + Decimal(2)).compile(dialect=_SQLITE)
    processors = compiled._bind_processors  # noqa: SLF001 - what the request path reads
    assert [process(Decimal(2)) for process in processors.values()] == [20_000]


def test_a_flag_is_a_condition_on_both_databases() -> None:
    active = sa.column("active", Flag())
    for dialect, expected in ((_SQLITE, "active = 0"), (_POSTGRES, "NOT active")):
        assert str(sa.not_(active).compile(dialect=dialect)).lower() == expected.lower()


@given(st.lists(_MOMENTS, min_size=2))
def test_sqlites_text_sorts_by_time(moments: list[dt.datetime]) -> None:
    in_order = sorted(moments, key=lambda moment: moment.astimezone(dt.UTC))
    assert [utc_text(moment) for moment in in_order] == sorted(utc_text(moment) for moment in moments)
    assert {len(utc_text(moment)) for moment in moments} == {len("2026-01-01T00:00:00.000000Z")}


@pytest.mark.parametrize("dialect", [_SQLITE, _POSTGRES], ids=lambda dialect: dialect.name)
def test_moments_and_days_that_leave_a_doubt_are_refused(dialect: Dialect) -> None:
    moment, day = UtcDateTime().bind_processor(dialect), Day().bind_processor(dialect)
    with pytest.raises(ValueError, match="it has no time zone; say which one is meant"):
        moment(dt.datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
    with pytest.raises(TypeError, match="UtcDateTime takes an aware datetime, not str"):
        moment("2026-01-01")
    with pytest.raises(TypeError, match="Day takes a date, not datetime"):
        day(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    plus_five = dt.timezone(dt.timedelta(hours=5))
    for edge in (
        dt.datetime.max.replace(tzinfo=dt.UTC),
        dt.datetime.min.replace(tzinfo=plus_five),
        dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=5))),
    ):
        with pytest.raises(ValueError, match="is outside what both databases hold: 0001-01-02 to 9999-12-30"):
            moment(edge)
    with pytest.raises(ValueError, match="is outside what both databases hold"):
        day(dt.date.max)


def test_constants_are_written_into_sql_as_each_database_stores_them() -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    cases: list[tuple[TypeEngine[Any], Any, str, str]] = [
        (Money(), Decimal("12.5"), "125000", "12.5000"),
        (UtcDateTime(), moment, "'2026-01-02T03:04:05.000006Z'", "'2026-01-02T03:04:05.000006Z'"),
        (Day(), dt.date(2026, 1, 2), "'2026-01-02'", "'2026-01-02'"),
        (Json(), {"it's": 1}, """'{"it''s":1}'""", """'{"it''s":1}'"""),
        (Id(), uuid.UUID(int=1), f"'{uuid.UUID(int=1).hex}'", f"'{uuid.UUID(int=1)}'"),
    ]
    for type_, value, on_sqlite, on_postgresql in cases:
        assert (
            str(sa.literal(value, type_).compile(dialect=_SQLITE, compile_kwargs={"literal_binds": True})) == on_sqlite
        )
        compiled = sa.literal(value, type_).compile(dialect=_POSTGRES, compile_kwargs={"literal_binds": True})
        assert str(compiled).split("::")[0] == on_postgresql
