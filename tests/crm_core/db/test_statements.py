from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import bindparam, insert, select, update

from crm_core.db.lists import is_in
from crm_core.db.statements import POSTGRES, SQLITE, Statement, merged_text
from crm_core.schema import account, opportunity, record

ONE = UUID(int=1)


def test_a_statement_is_compiled_once_per_dialect() -> None:
    statement = Statement(select(account.c.id))

    assert statement.on(SQLITE) is statement.on(SQLITE)
    assert statement.on(POSTGRES) is not statement.on(SQLITE)
    assert statement.on(SQLITE).text.split() == ["SELECT", "account.id", "FROM", "account"]
    assert statement.on(POSTGRES).text.split() == ["SELECT", "core.account.id", "FROM", "core.account"]


def test_values_are_bound_by_name_and_converted() -> None:
    values = {"amount": Decimal("1.5"), "id": ONE, "tenant_id": ONE}
    statement = Statement(insert(opportunity), ["tenant_id", "id", "amount"])

    assert statement.on(SQLITE).bind(values) == [ONE.hex, ONE.hex, 15000]
    assert statement.on(POSTGRES).bind(values) == [ONE, ONE, Decimal("1.5000")]


def test_values_of_the_construct_itself_are_bound_without_being_given() -> None:
    statement = Statement(select(account.c.id).where(account.c.id.in_([ONE, UUID(int=2)]), account.c.name == "x"))

    assert statement.on(SQLITE).bind({}) == [ONE.hex, UUID(int=2).hex, "x"]


def test_rows_are_read_with_equal_python_values() -> None:
    statement = Statement(select(opportunity.c.id, opportunity.c.amount, opportunity.c.name))

    (row,) = statement.on(SQLITE).decode([(ONE.hex, 15000, "x")])
    (same,) = statement.on(POSTGRES).decode([(ONE, Decimal("1.5000"), "x")])
    assert list(row) == list(same) == [ONE, Decimal("1.5000"), "x"]
    assert statement.on(SQLITE).columns == ("id", "amount", "name")


@given(st.lists(st.sampled_from([2, 3, 4]), min_size=1, max_size=6))
def test_merged_statements_number_their_parameters_in_a_row(widths: list[int]) -> None:
    columns = ["tenant_id", "id", "record_type", "created_at"]
    parts = tuple(Statement(insert(record), columns[:width]).on(POSTGRES) for width in widths)

    text = merged_text(parts, False)  # noqa: FBT003 - part of the cache key

    numbers = [int(piece.split(":", 1)[0]) for piece in text.split("$")[1:]]
    assert numbers == list(range(1, sum(widths) + 1))
    assert text.count(" AS (INSERT INTO core.record") == len(widths)


def test_a_guard_fails_where_the_first_statement_touches_nothing() -> None:
    change = Statement(update(account).where(account.c.id == bindparam("key", type_=account.c.id.type)), ["name"])

    text = merged_text((change.on(POSTGRES),), True)  # noqa: FBT003 - part of the cache key

    assert text.endswith("RETURNING 1) SELECT 1 / count(*) FROM s0")


def test_a_list_of_any_length_is_one_text() -> None:
    statement = Statement(select(account.c.id).where(is_in(account.c.id, "ids")))

    assert statement.on(POSTGRES).text.count("$") == 1
    ids = [uuid4() for _ in range(3)]
    assert statement.on(POSTGRES).bind({"ids": ids}) == [ids]
    assert statement.on(SQLITE).bind({"ids": ids}) == ["[" + ", ".join(f'"{each.hex}"' for each in ids) + "]"]
