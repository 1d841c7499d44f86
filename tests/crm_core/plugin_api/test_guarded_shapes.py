"""Equal statements of a plugin are compiled once, and each keeps its own values and tenant."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, Uuid, bindparam, insert, select

from crm_core.db.statements import POSTGRES, SQLITE
from crm_core.plugin_api.guarded import GuardedStatement, Limits
from plugin_sdk.db import Namespace

ledger = Namespace("shapes").table("ledger", Column("points", Integer))
tenants = st.sampled_from([UUID(int=1), UUID(int=2)])


def limits(tenant: UUID) -> Limits:
    bound = bindparam("crm_tenant_of_plugin", tenant, Uuid(), unique=True)
    return Limits("shapes@1.0.0", "plg_shapes", bound)


@given(st.lists(st.tuples(tenants, st.integers(-5, 5)), min_size=2, max_size=6))
def test_values_and_tenants_never_mix(calls: list[tuple[UUID, int]]) -> None:
    for dialect, native in ((SQLITE, False), (POSTGRES, True)):
        for tenant, points in calls:
            query = select(ledger.c.points).where(ledger.c.points == points)
            bound = GuardedStatement(query, limits(tenant)).on(dialect).bind({})
            assert sorted(bound, key=str) == sorted([tenant if native else tenant.hex, points], key=str)


def test_equal_shapes_share_their_text_and_others_do_not() -> None:
    def text(query: object) -> str:
        return GuardedStatement(query, limits(UUID(int=1))).on(SQLITE).text  # type: ignore[arg-type]

    one = text(select(ledger.c.points).where(ledger.c.points == 1))
    assert text(select(ledger.c.points).where(ledger.c.points == 2)) is one
    assert text(select(ledger.c.points).where(ledger.c.points > 1)) != one


def test_lists_of_any_length_keep_their_values() -> None:
    for wanted in ([1], [1, 2, 3], [4, 5]):
        query = select(ledger.c.points).where(ledger.c.points.in_(wanted))
        bound = GuardedStatement(query, limits(UUID(int=1))).on(SQLITE).bind({})
        assert [value for value in bound if value != UUID(int=1).hex] == wanted


def test_rows_to_insert_keep_their_values() -> None:
    for number in (7, 8):
        row = insert(ledger).values(tenant_id=UUID(int=1), id=UUID(int=number), points=number)
        assert GuardedStatement(row, limits(UUID(int=1))).on(SQLITE).bind({}) == [
            UUID(int=1).hex,
            UUID(int=number).hex,
            number,
        ]
