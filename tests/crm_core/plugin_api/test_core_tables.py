"""Core tables in ``ctx.sql``: alike on both databases, of one tenant, read only, and no more than is granted."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from crm_core.db.statements import POSTGRES, SQLITE, Statement
from crm_core.plugin_api.guarded import GuardedStatement, Limits
from crm_core.plugin_host.core_read import COLUMNS, READABLE, rights_of
from crm_core.schema import RECORD_TABLES, core
from crm_core.schema import types as stored
from plugin_sdk import NotAllowed
from plugin_sdk.db import Namespace
from tests.support.app import RunningApp, run
from tests.support.books import BOOK, as_plugin, books, fill, library

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Dialect

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.records.scope import Scope
    from plugin_sdk import Context
    from tests.support.plugins import MakePlugin

_GRANTED = '[capabilities]\ndata = ["core:read"]\n'
_NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC)
_NAMESPACE = Namespace("books")
_DECLARED: dict[type, Any] = {
    stored.Id: sa.Uuid(),
    stored.PlainText: sa.Text(),
    stored.Flag: sa.Boolean(),
    stored.Day: sa.Date(),
    stored.UtcDateTime: sa.DateTime(timezone=True),
    stored.Json: sa.JSON(),
    sa.Integer: sa.Integer(),
    sa.BigInteger: sa.BigInteger(),
    stored.Money: sa.Numeric(19, 4),
    stored.UnitPrice: sa.Numeric(19, 6),
    stored.Quantity: sa.Numeric(19, 6),
    stored.Rate: sa.Numeric(20, 10),
    stored.Percent: sa.Numeric(7, 4),
}


def _declared(name: str, *names: str) -> sa.Table:
    table = core.tables[f"core.{name}"]
    columns = [sa.Column(each, _DECLARED[type(table.c[each].type)]) for each in names or COLUMNS[name]]
    return _NAMESPACE.core(name, *columns)


ACCOUNT = _declared("account", "id", "name", "created_at", "deleted_at")
CAMPAIGN = _declared("campaign", "id", "name", "budget", "created_at")

# A row of each type's edges; SQLite keeps fifteen digits of a number in ctx.sql, in core tables as in own ones.
_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("account", {"id": UUID(int=1), "name": "Ünïcode '\N{GRINNING FACE}"}),
    ("account", {"id": UUID(int=2), "name": "gone", "deleted_at": _NOW}),
    ("campaign", {"id": UUID(int=3), "name": "a", "budget": Decimal("99999999999.9999"), "currency": "EUR"}),
    ("campaign", {"id": UUID(int=4), "name": "b", "budget": Decimal("-0.0001"), "currency": "EUR"}),
    ("campaign", {"id": UUID(int=5), "name": "c"}),
    ("pipeline", {"id": UUID(int=6), "record_type": "lead", "pipeline_key": "p", "name": "P", "active": False}),
    ("stage", {"id": UUID(int=7), "pipeline_id": UUID(int=6), "stage_key": "s", "name": "S", "category": "open",
               "position": -3, "probability": Decimal("12.3456")}),
    ("product", {"id": UUID(int=8), "name": "P"}),
    ("price_book", {"id": UUID(int=9), "book_key": "b", "name": "B", "currency": "EUR", "valid_to": dt.date(1, 1, 2)}),
    ("price", {"id": UUID(int=10), "price_book_id": UUID(int=9), "product_id": UUID(int=8),
               "min_quantity": Decimal("0.000001"), "unit_price": Decimal("-999999999.999999")}),
    ("attachment", {"id": UUID(int=11), "record_id": UUID(int=1), "name": "f", "size": 2**63 - 1, "sha256": "x",
                    "storage_key": "secret"}),
    ("link", {"id": UUID(int=12), "src_id": UUID(int=1), "rel": "r", "dst_id": UUID(int=2), "created_at": _NOW,
              "data": {"b": [1, None, "ü", 1.5], "a": {}}, "valid_from": dt.date(9999, 12, 30), "position": 2**31 - 1}),
    ("fx_rate", {"base": "EUR", "quote": "USD", "day": dt.date(2024, 2, 29), "rate": Decimal("99999.0123456789")}),
]  # fmt: skip


def _fill_core(scope: Scope) -> None:
    """Write the rows as the core stores them."""
    for name, values in _ROWS:
        row = {"tenant_id": scope.uow.tenant_id, **values}
        if name in RECORD_TABLES:
            anchor = {"tenant_id": row["tenant_id"], "id": row["id"], "record_type": name, "created_at": _NOW}
            scope.uow.execute(Statement(sa.insert(core.tables["core.record"]).values(anchor)), {})
            row = {"version": 1, "created_at": _NOW, "updated_at": _NOW, **row}
        scope.uow.execute(Statement(sa.insert(core.tables[f"core.{name}"]).values(row)), {})


def _plugin(make_plugin: MakePlugin, manifest: str = _GRANTED) -> Discovered:
    return books(make_plugin, manifest=manifest)


def _limits(granted: frozenset[str] = READABLE) -> Limits:
    return Limits("books@1.0.0", "plg_books", sa.bindparam("t", UUID(int=7), sa.Uuid(), unique=True), granted)


def _key(row: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in row.items()]


def test_every_column_of_every_readable_table_reads_as_the_core_reads_it(
    database_url: str, make_plugin: MakePlugin
) -> None:
    plugin = _plugin(make_plugin)

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            await app.as_system(_fill_core)
            for name in sorted(READABLE):
                table = core.tables[f"core.{name}"]
                query = Statement(
                    sa.select(*(table.c[each] for each in COLUMNS[name])).where(table.c.tenant_id == app.tenant_id)
                )
                rows = await app.as_system(lambda scope, query=query: scope.uow.fetch(query, {}))  # type: ignore[misc]
                expected = [dict(zip(COLUMNS[name], row, strict=True)) for row in rows]
                mine = sa.select(_declared(name))
                found = await as_plugin(app, lambda ctx, mine=mine: ctx.sql.rows(mine))  # type: ignore[misc]
                assert sorted(found, key=_key) == sorted(expected, key=_key), name
                assert len(found) >= len([given for given, _ in _ROWS if given == name])

    run(scenario())


def test_core_and_own_values_meet_in_one_statement(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = _plugin(make_plugin)

    def work(ctx: Context) -> None:
        fill(ctx, UUID(int=1))
        joined = sa.select(ACCOUNT.c.name, BOOK.c.title).join(BOOK, BOOK.c.account_id == ACCOUNT.c.id)
        assert ctx.sql.rows(joined) == [{"name": "Ünïcode '\N{GRINNING FACE}", "title": "Ünïcode '"}]
        same_moment = sa.select(BOOK.c.id).join(ACCOUNT, BOOK.c.read_at == ACCOUNT.c.created_at).distinct()
        assert ctx.sql.scalar(same_moment) == UUID(int=1)
        assert ctx.sql.scalar(sa.select(sa.func.count()).select_from(ACCOUNT).where(ACCOUNT.c.created_at < _NOW)) == 0
        assert ctx.sql.scalar(sa.select(CAMPAIGN.c.name).where(CAMPAIGN.c.budget == Decimal("-0.0001"))) == "b"
        assert ctx.sql.scalar(sa.select(CAMPAIGN.c.budget * 10).where(CAMPAIGN.c.name == "b")) == Decimal("-0.001")
        total = sa.func.sum(sa.func.coalesce(CAMPAIGN.c.budget, Decimal(2)))
        assert ctx.sql.scalar(sa.select(total)) == Decimal("100000000001.9998")
        cheapest = sa.select(sa.func.min(CAMPAIGN.c.budget)).scalar_subquery()
        ctx.sql.execute(sa.update(BOOK).values(price=cheapest, read_at=ACCOUNT.c.created_at).where(
            BOOK.c.account_id == ACCOUNT.c.id
        ))  # fmt: skip
        stored_now = ctx.sql.rows(sa.select(BOOK.c.price, BOOK.c.read_at).where(BOOK.c.account_id.is_not(None)))
        assert stored_now == [{"price": Decimal("-0.0001"), "read_at": _NOW}]
        # Locking own rows is a thing a plugin may do while it looks at the core's.
        locked = sa.select(BOOK.c.id).join(ACCOUNT, BOOK.c.account_id == ACCOUNT.c.id).with_for_update(of=BOOK)
        assert ctx.sql.scalar(locked) == UUID(int=1)

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            await app.as_system(_fill_core)
            await as_plugin(app, work)

    run(scenario())


def test_records_in_the_bin_are_seen_and_other_tenants_are_not(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = _plugin(make_plugin)
    query = sa.select(ACCOUNT.c.name, ACCOUNT.c.deleted_at).order_by(ACCOUNT.c.id)

    async def names(app: RunningApp, tenant_id: UUID | None = None) -> list[tuple[str, Any]]:
        rows = await as_plugin(app, lambda ctx: ctx.sql.rows(query), tenant_id=tenant_id)
        return [(row["name"], row["deleted_at"]) for row in rows]

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            other = await app.add_tenant("other")
            await app.as_system(_fill_core)
            assert await names(app) == [("Ünïcode '\N{GRINNING FACE}", None), ("gone", _NOW)]
            assert await names(app, other) == []
            await app.client(tenant_id=other).post("/accounts", json={"name": "theirs"})
            assert [name for name, _ in await names(app, other)] == ["theirs"]
            assert len(await names(app)) == 2

    run(scenario())


def test_nothing_of_the_core_is_read_without_the_capability(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = _plugin(make_plugin, "")

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            with pytest.raises(NotAllowed) as caught:
                await as_plugin(app, lambda ctx: ctx.sql.rows(sa.select(ACCOUNT)))
            assert str(caught.value) == (
                "plugin books@1.0.0 may not use core.account in ctx.sql; core records are read through ctx.api,"
                ' or here with data = ["core:read"] in the manifest'
            )

    run(scenario())


def _lightweight(name: str, *columns: str, schema: str = "core") -> Any:
    return sa.select(sa.table(name, *map(sa.column, columns), schema=schema))


_ALIAS = ACCOUNT.alias("a")
_SUB = sa.select(ACCOUNT.c.id).subquery("s")
_REFUSED: dict[str, tuple[Any, str]] = {
    "insert": (sa.insert(ACCOUNT).values(name="x"), "core.account for writing"),
    "update": (sa.update(ACCOUNT).values(name="x"), "core.account for writing"),
    "delete": (sa.delete(ACCOUNT), "core.account for writing"),
    "lock": (sa.select(ACCOUNT).with_for_update(), "a lock on core tables"),
    "weak lock": (sa.select(ACCOUNT).with_for_update(read=True, key_share=True), "a lock on core tables"),
    "lock of both": (
        sa.select(BOOK.c.id).join(ACCOUNT, ACCOUNT.c.id == BOOK.c.account_id).with_for_update(),
        "a lock on core tables",
    ),
    "lock of a core table": (
        sa.select(BOOK.c.id).join(_ALIAS, _ALIAS.c.id == BOOK.c.account_id).with_for_update(of=_ALIAS),
        "a lock on core tables",
    ),
    "lock of a core column": (sa.select(ACCOUNT).with_for_update(of=ACCOUNT.c.id), "a lock on core tables"),
    "lock through a subquery": (sa.select(_SUB.c.id).with_for_update(), "a lock on core tables"),
    "lock inside": (sa.select(sa.select(ACCOUNT.c.id).with_for_update().subquery().c.id), "a lock on core tables"),
    "keys": (_lightweight("api_key", "hash"), "core tables that can be read are account, activity"),
    "memberships": (_lightweight("membership", "group_id"), "core.membership"),
    "audit": (_lightweight("audit_event", "diff"), "core.audit_event"),
    "outbox": (_lightweight("outbox", "payload"), "core.outbox"),
    "tenants": (_lightweight("tenant", "id"), "core.tenant"),
    "unknown table": (_lightweight("no_such", "id"), "core.no_such"),
    "platform": (_lightweight("plugin", "id", schema="plat"), "plat.plugin"),
    "unknown column": (_lightweight("tag", "x"), "core.tag.x in ctx.sql; there are tenant_id, id, record_type, name"),
    "login": (sa.select(_NAMESPACE.core("principal", sa.Column("login", sa.Text()))), "core.principal.login"),
    "column without a type": (_lightweight("tag", "name"), "core.tag.name as NullType() in ctx.sql; declare it as Tex"),
    "naive moment": (
        sa.select(_NAMESPACE.core("tag", sa.Column("created_at", sa.DateTime()))),
        "declare it as DateTime(timezone=True)",
    ),
    "other scale": (
        sa.select(_NAMESPACE.core("campaign", sa.Column("budget", sa.Numeric(19, 2)))),
        "core.campaign.budget as Numeric(precision=19, scale=2) in ctx.sql; declare it as Numeric(19, 4)",
    ),
    "float": (
        sa.select(_NAMESPACE.core("campaign", sa.Column("budget", sa.Float()))),
        "declare it as Numeric(19, 4)",
    ),
}


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("name", _REFUSED)
def test_what_is_refused_is_named_with_what_to_do(name: str, dialect: Dialect) -> None:
    statement, told = _REFUSED[name]
    with pytest.raises(NotAllowed) as caught:
        GuardedStatement(statement, _limits()).on(dialect)
    assert str(caught.value).startswith("plugin books@1.0.0 may not use ")
    assert told in str(caught.value)


def test_what_was_compiled_with_the_capability_is_not_had_without() -> None:
    query = sa.select(ACCOUNT.c.id)
    assert "account" in GuardedStatement(query, _limits()).on(SQLITE).text
    with pytest.raises(NotAllowed):
        GuardedStatement(query, _limits(frozenset())).on(SQLITE)


def test_an_own_table_may_have_a_core_tables_name() -> None:
    own = Namespace("books").table("account")
    query = sa.select(own.c.id.label("mine"), ACCOUNT.c.id).join(ACCOUNT, own.c.id == ACCOUNT.c.id)
    assert GuardedStatement(query, _limits()).on(POSTGRES).text.replace("\n", "") == (
        'SELECT account.id AS mine, "core.account".id '
        "FROM (SELECT * FROM plg_books.account WHERE tenant_id = $1::UUID) AS account "
        "JOIN (SELECT tenant_id, id, name, created_at, deleted_at FROM core.account WHERE tenant_id = $1::UUID)"
        ' AS "core.account" ON account.id = "core.account".id'
    )


def test_a_column_may_have_a_type_of_the_plugins_own() -> None:
    class _Short(sa.types.TypeDecorator[str]):
        impl = sa.Text
        cache_ok = True

    tag = _NAMESPACE.core("tag", sa.Column("name", _Short()))
    assert GuardedStatement(sa.select(tag), _limits()).on(SQLITE).columns == ("name",)


def test_rights_name_the_tables_and_what_is_hidden_in_them(make_plugin: MakePlugin) -> None:
    granted, modest = _plugin(make_plugin).manifest, _plugin(make_plugin, "").manifest
    assert granted is not None
    assert modest is not None
    assert rights_of(modest).core_tables == frozenset()
    rights = rights_of(granted)
    assert rights.core_tables == READABLE
    assert rights.core_hidden == {"attachment.storage_key", "principal.login"}
    everything = {f"{name}.{column}" for name in READABLE for column in core.tables[f"core.{name}"].c.keys()}  # noqa: SIM118 - columns, not their names, are what iterating gives
    assert everything - rights.core_hidden == {f"{name}.{each}" for name, names in COLUMNS.items() for each in names}
    assert set(RECORD_TABLES) < READABLE
    assert not READABLE & {"api_key", "audit_event", "membership", "outbox", "permission", "tenant"}
