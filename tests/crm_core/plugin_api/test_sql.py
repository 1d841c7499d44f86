from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from crm_core.db.rights import PluginRights
from crm_core.db.statements import POSTGRES, SQLITE
from crm_core.plugin_api.guarded import GuardedStatement, Limits
from plugin_sdk import NotAllowed, Rejected
from tests.support.app import run
from tests.support.books import BOOK, CHAPTER, as_plugin, books, fill, library

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect

    from plugin_sdk import Context
    from tests.support.plugins import MakePlugin

_TENANT = UUID(int=7)
_ACCOUNT = sa.Table("account", sa.MetaData(), sa.Column("name", sa.Text()), schema="core")
_OTHERS = sa.Table("ledger", sa.MetaData(), sa.Column("id", sa.Uuid()), schema="plg_loyalty")
_NAMES = sa.select(_ACCOUNT.c.name)
_CTE = _NAMES.cte("names")


class _RawType(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "TEXT) FROM core.account --"


_RAW: Any = "1)) FROM core.account --"
_HOSTILE: dict[str, Any] = {
    "core table": _NAMES,
    "lightweight core table": sa.select(sa.table("account", sa.column("name"), schema="core").c.name),
    "table without schema": sa.select(sa.table("account", sa.column("name")).c.name),
    "other plugin's table": sa.select(_OTHERS),
    "version table": sa.select(sa.table("alembic_version", sa.column("version_num"), schema="plg_books").c.version_num),
    "alias": sa.select(_ACCOUNT.alias("book").c.name),
    "join": sa.select(BOOK.c.id).join(_ACCOUNT, _ACCOUNT.c.name == BOOK.c.title),
    "subquery in FROM": sa.select(_NAMES.subquery("book").c.name),
    "scalar subquery": sa.select(BOOK.c.id, _NAMES.scalar_subquery().label("n")),
    "EXISTS": sa.select(BOOK.c.id).where(sa.exists().where(_ACCOUNT.c.name == BOOK.c.title)),
    "IN": sa.select(BOOK.c.id).where(BOOK.c.title.in_(_NAMES)),
    "CTE": sa.select(_CTE.c.name),
    "UNION": sa.union_all(sa.select(BOOK.c.title), _NAMES),
    "ORDER BY": sa.select(BOOK.c.id).order_by(_NAMES.scalar_subquery()),
    "text": sa.select(sa.text("name FROM core.account")),
    "text condition": sa.select(BOOK.c.id).where(sa.text("1 = 1")),
    "literal column": sa.select(sa.literal_column("(SELECT name FROM core.account)")),
    "prefix": sa.select(BOOK.c.id).prefix_with("name FROM core.account --"),
    "suffix": sa.select(BOOK.c.id).suffix_with("UNION SELECT name FROM core.account"),
    "hint": sa.select(BOOK.c.id).with_statement_hint("UNION SELECT name FROM core.account"),
    "operator": sa.select(BOOK.c.title.op("FROM core.account --")(1)),
    "comment": sa.select(BOOK.c.title.op("--")(1)),
    "type": sa.select(sa.cast(BOOK.c.title, sa.Numeric(_RAW))),
    "own type": sa.select(sa.cast(BOOK.c.title, _RawType())),
    "extract": sa.select(sa.extract("year FROM now()) FROM core.account --", BOOK.c.bought)),
    "function that runs SQL": sa.select(sa.func.query_to_xml("SELECT * FROM core.account", True, True, "")),  # noqa: FBT003
    "function that changes the tenant": sa.select(sa.func.set_config("crm.tenant", str(UUID(int=8)), False)),  # noqa: FBT003
    "function of a schema": sa.select(sa.func.core.count()),
    "sequence": sa.select(sa.Sequence("numbers", schema="core").next_value()),
    "write in a CTE": sa.select(sa.delete(BOOK).returning(BOOK.c.id).cte("gone").c.id),
    "insert into core": sa.insert(_ACCOUNT).values(name="x"),
    "update of core": sa.update(_ACCOUNT).values(name="x"),
    "delete from core": sa.delete(_ACCOUNT),
    "core in a value": sa.insert(BOOK).values(tenant_id=_TENANT, id=UUID(int=1), title=_NAMES.scalar_subquery()),
    "core in one of many values": sa.insert(BOOK).values(
        [{"tenant_id": _TENANT, "id": UUID(int=1), "title": _NAMES.scalar_subquery()}]
    ),
    "core in an update": sa.update(BOOK).values(title=_NAMES.scalar_subquery()),
    "core in an ordered update": sa.update(BOOK).ordered_values((BOOK.c.title, _NAMES.scalar_subquery())),
    "core in UPDATE FROM": sa.update(BOOK).values(title=_ACCOUNT.c.name).where(_ACCOUNT.c.name == BOOK.c.title),
    "core in an upsert": upsert(BOOK)
    .values(tenant_id=_TENANT, id=UUID(int=1), title="x")
    .on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"title": _NAMES.scalar_subquery()}),
    "side table": sa.insert(sa.table("account_fields", sa.column("record_id"), schema="plg_books")),
}


def _limits() -> Limits:
    return Limits("books@1.0.0", "plg_books", sa.bindparam("crm_tenant", _TENANT, sa.Uuid(), unique=True))


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("name", _HOSTILE)
def test_nothing_but_own_tables_becomes_text(name: str, dialect: Dialect) -> None:
    with pytest.raises(NotAllowed) as caught:
        GuardedStatement(_HOSTILE[name], _limits()).on(dialect)
    assert "may not" in str(caught.value)


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES], ids=["sqlite", "postgresql"])
def test_names_cannot_be_made_to_stay_as_they_are(dialect: Dialect) -> None:
    label = sa.quoted_name("x FROM core.account --", quote=False)
    text = GuardedStatement(sa.select(BOOK.c.id.label(label)), _limits()).on(dialect).text
    assert 'AS "x FROM core.account --"' in text


def test_a_parameter_of_the_plugin_does_not_become_the_tenant() -> None:
    limits = Limits.of(PluginRights("books", "books@1"), _TENANT)
    mine = sa.bindparam("crm_tenant_of_plugin", UUID(int=8), sa.Uuid())
    prepared = GuardedStatement(sa.select(BOOK.c.id).where(BOOK.c.account_id == mine), limits).on(SQLITE)
    assert prepared.bind({}) == [_TENANT.hex, UUID(int=8).hex]


def _rows(statement: Any) -> Callable[[Context], Any]:
    return lambda ctx: ctx.sql.rows(statement)


async def _refusal(ctx_of: Callable[[Callable[[Context], Any]], Any], statement: Any, method: str = "execute") -> str:
    with pytest.raises(NotAllowed) as caught:
        await ctx_of(lambda ctx: getattr(ctx.sql, method)(statement))
    return str(caught.value)


def test_rows_of_other_tenants_are_out_of_reach(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = books(make_plugin)

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            other = await app.add_tenant("other")
            await as_plugin(app, fill)

            async def here(function: Callable[[Context], Any]) -> Any:
                return await as_plugin(app, function, tenant_id=other)

            await here(lambda ctx: ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=1), title="mine")))
            await here(lambda ctx: ctx.sql.execute(sa.insert(CHAPTER).values(id=UUID(int=9), book_id=UUID(int=1))))
            a, b = BOOK.alias("a"), BOOK.alias()
            cte = sa.select(BOOK.c.title).cte("titles")
            chapters = sa.select(sa.func.count()).select_from(CHAPTER).scalar_subquery()
            reads: dict[str, Any] = {
                "plain": sa.select(BOOK.c.title),
                "alias": sa.select(a.c.title),
                "join": sa.select(BOOK.c.title).join(CHAPTER, CHAPTER.c.book_id == BOOK.c.id),
                "outer join": sa.select(a.c.title).outerjoin(b, sa.and_(b.c.id == a.c.id, b.c.title != a.c.title)),
                "subquery": sa.select(sa.select(BOOK.c.title).subquery().c.title),
                "union": sa.union(sa.select(BOOK.c.title), sa.select(a.c.title)),
                "cte": sa.select(cte.c.title),
                "exists": sa.select(BOOK.c.title).where(sa.exists().where(CHAPTER.c.book_id == BOOK.c.id)),
                "or": sa.select(BOOK.c.title).where(sa.or_(BOOK.c.id == UUID(int=1), sa.true())),
            }
            for name, statement in reads.items():
                assert [row["title"] for row in await here(_rows(statement))] == ["mine"], name
            assert await here(lambda ctx: ctx.sql.scalar(sa.select(chapters.label("n")))) == 1
            swap = sa.update(BOOK).values(pages=chapters).where(BOOK.c.id.in_(sa.select(BOOK.c.id)))
            assert await here(lambda ctx: ctx.sql.execute(swap)) == 1
            assert await here(lambda ctx: ctx.sql.scalar(sa.select(BOOK.c.pages))) == 1
            assert await here(lambda ctx: ctx.sql.execute(sa.delete(CHAPTER))) == 1
            assert await here(lambda ctx: ctx.sql.execute(sa.delete(BOOK))) == 1
            rest = await as_plugin(
                app, lambda ctx: ctx.sql.rows(sa.select(BOOK.c.title, BOOK.c.pages).order_by(BOOK.c.id))
            )
            assert [(row["title"], row["pages"]) for row in rest] == [("Ünïcode '", 2**31 - 1), ("empty", None)]

    run(scenario())


def test_rows_cannot_be_given_to_another_tenant(database_url: str, make_plugin: MakePlugin) -> None:
    plugin, stranger, one = books(make_plugin), UUID(int=8), UUID(int=1)
    insert = sa.insert(BOOK)
    conflict = upsert(BOOK).values(id=one, title="x")
    key = ["tenant_id", "id"]
    refused: list[tuple[Any, str]] = [
        (insert.values(id=one, title="x", tenant_id=stranger), "plg_books.book with another tenant_id"),
        (insert.values(id=one, title="x", tenant_id=sa.literal(stranger)), "plg_books.book with another tenant_id"),
        (insert.values([{"id": one, "title": "x", "tenant_id": stranger}]), "plg_books.book with another tenant_id"),
        (insert.values([{"id": one, "title": "x"}]), "an insert of many rows without tenant_id"),
        (insert.from_select(["id", "title"], sa.select(BOOK.c.id, BOOK.c.title)), "INSERT FROM SELECT"),
        (insert.values(id=one, title="x").returning(BOOK.c.id), "RETURNING"),
        (sa.delete(BOOK).returning(BOOK.c.id), "RETURNING"),
        (sa.update(BOOK).values(tenant_id=stranger), "a new value for tenant_id"),
        (sa.update(BOOK).values({BOOK.c.tenant_id: stranger}), "a new value for tenant_id"),
        (sa.update(BOOK).ordered_values((BOOK.c.tenant_id, stranger)), "a new value for tenant_id"),
        (conflict.on_conflict_do_update(index_elements=key, set_={"tenant_id": stranger}), "a new value for tenant_id"),
        (conflict.on_conflict_do_update(index_elements=["title"], set_={"pages": 1}), "without tenant_id"),
        (conflict.on_conflict_do_update(constraint="uq_book_title", set_={"pages": 1}), "without tenant_id"),
        (sa.insert(sa.table("book", sa.column("id"), schema="plg_books")), "without tenant_id"),
        (sa.text("DELETE FROM plg_books.book"), "TextClause"),
        (sa.schema.DropTable(BOOK), "DropTable"),
        (sa.select(BOOK), "Select"),
    ]

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            await as_plugin(app, fill)

            async def here(function: Callable[[Context], Any]) -> Any:
                return await as_plugin(app, function)

            for statement, told in refused:
                text = await _refusal(here, statement)
                assert text.startswith("plugin books@1.0.0 may not use ")
                assert told in text
            assert "Insert in ctx.sql" in await _refusal(here, insert.values(id=one, title="x"), "rows")
            twice = (
                sa.select(BOOK.c.id, CHAPTER.c.id)
                .where(CHAPTER.c.book_id == BOOK.c.id)
                .set_label_style(sa.LABEL_STYLE_NONE)
            )
            assert "two columns named id" in await _refusal(here, twice, "rows")
            changed = conflict.on_conflict_do_update(index_elements=key, set_={"title": "changed"})
            assert await here(lambda ctx: ctx.sql.execute(changed)) == 1
            titles = await here(lambda ctx: ctx.sql.rows(sa.select(BOOK.c.title).order_by(BOOK.c.id)))
            assert [row["title"] for row in titles] == ["changed", "empty"]

    run(scenario())


def test_a_caught_failure_leaves_the_operation_usable(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = books(make_plugin)

    def twice(ctx: Context) -> list[str]:
        ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=1), title="first"))
        with pytest.raises(Rejected, match="already taken"):
            ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=1), title="second"))
        return [row["title"] for row in ctx.sql.rows(sa.select(BOOK.c.title))]

    async def scenario() -> None:
        async with library(database_url, plugin) as app:
            assert await as_plugin(app, twice) == ["first"]
            assert await as_plugin(app, lambda ctx: ctx.sql.scalar(sa.select(BOOK.c.title))) == "first"

    run(scenario())


def test_a_condition_cannot_reach_past_the_tenant(sqlite_url: str, make_plugin: MakePlugin) -> None:
    plugin = books(make_plugin)
    # SQLAlchemy writes ``pages BETWEEN 1 AND pages = 0 OR id != …``, and all of it is true of any row.
    everywhere = BOOK.c.pages.between(1, sa.or_(BOOK.c.pages == 0, BOOK.c.id != UUID(int=9)))

    async def scenario() -> None:
        async with library(sqlite_url, plugin) as app:
            other = await app.add_tenant("other")
            await as_plugin(app, fill)
            for statement in (sa.update(BOOK).where(everywhere).values(lent=None), sa.delete(BOOK).where(everywhere)):
                changed = await as_plugin(app, lambda ctx, each=statement: ctx.sql.execute(each), tenant_id=other)  # type: ignore[misc]
                assert changed == 0
            rows = await as_plugin(app, lambda ctx: ctx.sql.rows(sa.select(BOOK.c.lent).order_by(BOOK.c.id)))
            assert [row["lent"] for row in rows] == [True, None]

    run(scenario())


def test_the_tenant_has_no_other_name(sqlite_url: str, make_plugin: MakePlugin) -> None:
    plugin, one = books(make_plugin), UUID(int=1)

    def table(*named: tuple[str, str]) -> Any:
        columns = [sa.Column(name, sa.Uuid(), key=key) for name, key in named]
        return sa.Table("book", sa.MetaData(), *columns, schema="plg_books")

    shouted = upsert(BOOK).values(id=one, title="x")
    shouted = shouted.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"TENANT_ID": one})
    refused: list[tuple[Any, str]] = [
        (sa.update(table(("account_id", "tenant_id"), ("id", "id"))).values(id=one), "tenant_id under another name"),
        (
            sa.update(table(("tenant_id", "tenant_id"), ("TENANT_ID", "x"))).values(x=one),
            "tenant_id under another name",
        ),
        (sa.update(table(("tenant_id", "x"), ("id", "tenant_id"))).values(x=one), "tenant_id under another name"),
        (shouted, "a new value for tenant_id"),
    ]

    async def scenario() -> None:
        async with library(sqlite_url, plugin) as app:
            for statement, told in refused:
                text = await _refusal(lambda function: as_plugin(app, function), statement)
                assert told in text

    run(scenario())
