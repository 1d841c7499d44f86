"""A plugin of the tests with tables of every kind of column, fields of every kind, and a migration of its own."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from plugin_sdk.db import Namespace
from tests.support.app import running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from crm_core.plugin_host.discovery import Discovered
    from plugin_sdk import Context
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

_NAMESPACE = Namespace("books")
BOOK = _NAMESPACE.table(
    "book",
    sa.Column("title", sa.Text(), nullable=False),
    sa.Column("pages", sa.Integer()),
    sa.Column("price", sa.Numeric(19, 4)),
    sa.Column("bought", sa.Date()),
    sa.Column("read_at", sa.DateTime(timezone=True)),
    sa.Column("lent", sa.Boolean()),
    sa.Column("cover", sa.LargeBinary()),
    sa.Column("account_id", sa.Uuid()),
)
CHAPTER = _NAMESPACE.table("a_chapter", sa.Column("book_id", sa.Uuid()), sa.Column("number", sa.Integer()))

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "book",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer()),
        sa.Column("price", sa.Numeric(19, 4)),
        sa.Column("bought", sa.Date()),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("lent", sa.Boolean()),
        sa.Column("cover", sa.LargeBinary()),
        sa.Column("account_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_book"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"], ["core.record.tenant_id", "core.record.id"], name="fk_book_account",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("title", name="uq_book_title"),
        schema="plg_books",
    )
    op.create_table(
        "a_chapter",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("book_id", sa.Uuid()),
        sa.Column("number", sa.Integer()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_a_chapter"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "book_id"], ["plg_books.book.tenant_id", "plg_books.book.id"], name="fk_a_chapter_book",
            ondelete="CASCADE",
        ),
        schema="plg_books",
    )
    op.create_index("ix_book_account", "book", ["tenant_id", "account_id"], schema="plg_books")
    op.create_index("ix_a_chapter_book", "a_chapter", ["tenant_id", "book_id"], schema="plg_books")
"""
_KINDS = ("text", "integer", "decimal", "money", "boolean", "date", "datetime", "json")
FIELDS = "".join(
    f"""
[[fields]]
record_type = "account"
key = "f_{kind}"
kind = "{kind}"
label = {{ en = "{kind}" }}
"""
    for kind in _KINDS
)
MANIFEST = '[tables]\nbook = "Books."\na_chapter = "Chapters."\n' + FIELDS
VALUES: dict[str, Any] = {
    "f_text": "Ünï",
    "f_integer": 2**40,
    "f_decimal": "1.2345",
    "f_money": "922337203685.4775",
    "f_boolean": False,
    "f_date": "2024-02-29",
    "f_datetime": "2026-01-02T03:04:05.000006Z",
    "f_json": {"b": [1, None, "x"], "a": 1.5},
}


def books(
    make_plugin: MakePlugin,
    hooks: str = "",
    manifest: str = "",
    *,
    version: str = "1.0.0",
    fields: str = FIELDS,
    migrations: dict[str, str] | None = None,
) -> Discovered:
    """Write the plugin; ``migrations`` are further revisions by file name."""
    tables = MANIFEST.removesuffix(FIELDS)
    made = make_plugin("books", hooks, manifest + "\n" + tables + fields, version=version)
    assert made.package is not None
    versions = made.package / "migrations" / "versions"
    versions.mkdir(parents=True)
    for name, text in {"0001.py": MIGRATION, **(migrations or {})}.items():
        (versions / name).write_text(text)
    return made


async def as_plugin(
    app: RunningApp, function: Callable[[Context], Any], *, plugin: str = "books", tenant_id: UUID | None = None
) -> Any:
    """Run a function with a context of the plugin."""
    return await app.as_system(lambda scope: scope.hooks.with_context(plugin, function), tenant_id=tenant_id)


def library(url: str, *plugins: Discovered, **options: Any) -> AbstractAsyncContextManager[RunningApp]:
    """Open an application with these plugins."""
    return running(url, plugins=plugins, **options)


def fill(ctx: Context, account_id: UUID | None = None) -> None:
    """Write a book with every value and one with none, and chapters of the first."""
    ctx.sql.execute(
        sa.insert(BOOK).values(
            id=UUID(int=1),
            title="Ünïcode '",
            pages=2**31 - 1,
            price=Decimal("12.5"),
            bought=dt.date(2024, 2, 29),
            read_at=dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC),
            lent=True,
            cover=b"\x00\xff",
            account_id=account_id,
        )
    )
    ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=2), title="empty"))
    rows = [
        {"tenant_id": ctx.tenant_id, "id": UUID(int=place), "book_id": UUID(int=1), "number": place} for place in (1, 2)
    ]
    ctx.sql.execute(sa.insert(CHAPTER).values(rows))
