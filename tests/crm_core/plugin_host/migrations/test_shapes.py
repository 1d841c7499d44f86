from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from crm_core.db.sqlite_ddl import SingleFileDialect
from tests.support.judged import judge

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.ddl import ExecutableDDLElement

NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,12}", fullmatch=True) | st.sampled_from(
    ["order", "group", "user", "select", "role", "type", "trigger", "key", "Mixed", "with space", "value", "check"]
)
KINDS: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(sa.Uuid(), sa.Text(), sa.String(20), sa.Integer(), sa.BigInteger(), sa.SmallInteger(), sa.Numeric(19, 4)),
        *(sa.Date(), sa.DateTime(timezone=True), sa.DateTime(), sa.Time(), sa.Boolean(), sa.LargeBinary(), sa.JSON()),
        *(sa.Float(), sa.Double(), sa.Interval(), sa.Enum("a", "b", native_enum=False), sa.CHAR(3)),
    ]
)
DEFAULTS = st.sampled_from(
    [None, "x", sa.text("0"), sa.func.now(), sa.text("'a''b'"), sa.false(), sa.text("CURRENT_DATE")]
)


@st.composite
def tables(draw: st.DrawFn) -> sa.Table:
    """Return a table of the plugin with columns, a key, a reference, checks and indexes of all kinds."""
    names = draw(st.lists(NAMES, min_size=2, max_size=6, unique_by=str.lower))
    columns: list[sa.Column[Any]] = [
        sa.Column(
            name,
            draw(KINDS),
            nullable=draw(st.booleans()),
            server_default=draw(DEFAULTS),
            unique=draw(st.booleans()),
            autoincrement=False,
            comment=draw(st.sampled_from([None, "it's said"])),
        )
        for name in names
    ]
    key = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    metadata = sa.MetaData(schema="plg_a")
    sa.Table("record", metadata, sa.Column("tenant_id", sa.Uuid()), sa.Column("id", sa.Uuid()), schema="core")
    reference = sa.ForeignKeyConstraint(
        names[:2], ["core.record.tenant_id", "core.record.id"], name="fk", ondelete="CASCADE"
    )
    table = sa.Table(
        draw(NAMES.filter(str.isidentifier).filter(str.islower)) + "_x",
        metadata,
        *columns,
        sa.PrimaryKeyConstraint(*key, name="pk"),
        sa.CheckConstraint(columns[0].is_not(None), name="ck"),
        *([reference] if draw(st.booleans()) else []),
    )
    sa.Index("ix", *(table.c[name] for name in names[:2]), unique=draw(st.booleans()))
    sa.Index("ix_lower", sa.func.lower(table.c[names[0]]))
    return table


def definitions(table: sa.Table) -> list[ExecutableDDLElement]:
    """Return the statements that make a table and take it away."""
    made: list[ExecutableDDLElement] = [sa.schema.CreateTable(table)]
    made += [sa.schema.CreateIndex(index) for index in table.indexes]
    made += [sa.schema.DropIndex(index) for index in table.indexes]
    return [*made, sa.schema.DropTable(table)]


@settings(max_examples=40, deadline=None)
@given(table=tables())
def test_whatever_sqlalchemy_makes_of_own_tables_is_allowed(table: sa.Table) -> None:
    on_postgres: Dialect = PGDialect_asyncpg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    dialects: dict[str, Dialect] = {"postgresql": on_postgres, "sqlite": SingleFileDialect()}
    rows: list[Any] = [
        sa.insert(table),
        sa.select(table),
        sa.update(table),
        sa.delete(table).where(table.c[0].is_(None)),
    ]
    for name, dialect in dialects.items():
        for statement in [*definitions(table), *rows]:
            judge(str(statement.compile(dialect=dialect)).strip(), name)
    comments: list[Any] = [
        sa.schema.SetTableComment(table),
        *(sa.schema.SetColumnComment(column) for column in table.c),
    ]
    for comment in comments if table.comment else comments[1:]:
        judge(str(comment.compile(dialect=dialects["postgresql"])), "postgresql")
