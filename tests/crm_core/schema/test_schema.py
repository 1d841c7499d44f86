from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from crm_core import schema
from crm_core.db.names import sqlite_text
from crm_core.db.sqlite_ddl import SingleFileDialect
from crm_core.schema import RECORD_TABLES, core, platform
from crm_core.schema.columns import STANDARD_COLUMNS
from crm_core.schema.types import Money

_TABLES = [*core.sorted_tables, *platform.sorted_tables]
_BY_NAME = pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.fullname)
_RECORDS = pytest.mark.parametrize("table", RECORD_TABLES.values(), ids=list(RECORD_TABLES))


def test_record_types_are_these() -> None:
    assert set(RECORD_TABLES) == {
        *("principal", "account", "contact", "contact_point", "lead", "pipeline", "stage", "opportunity", "activity"),
        *("product", "price_book", "price", "quote", "quote_line", "sales_order", "sales_order_line", "ticket"),
        *("campaign", "attachment", "tag"),
    }


def test_every_table_is_exported_by_its_name() -> None:
    for table in _TABLES:
        assert getattr(schema, table.name) is table
        assert table.name in schema.__all__


def test_record_tables_come_in_an_order_rows_can_be_inserted_in() -> None:
    seen: set[str] = set()
    for name, table in RECORD_TABLES.items():
        targets = {constraint.referred_table.name for constraint in table.foreign_key_constraints}
        assert targets - seen <= {name, "record"}
        seen.add(name)


@_BY_NAME
def test_no_name_needs_quotes_on_any_database(table: sa.Table) -> None:
    # Statements name every column, so a word that is reserved anywhere shows.
    constructs: list[sa.ClauseElement] = [
        CreateTable(table),
        *(CreateIndex(index) for index in table.indexes),
        sa.select(table).order_by(*table.c),
        sa.insert(table).values({column.name: None for column in table.c}),
        sa.update(table).values({column.name: None for column in table.c}),
    ]
    for dialect in (postgresql.dialect(), SingleFileDialect()):  # type: ignore[no-untyped-call]
        for construct in constructs:
            text = str(construct.compile(dialect=dialect)).replace('COLLATE "C"', "")
            assert '"' not in text
            if dialect.name == "sqlite":
                assert not re.search(r"\b(core|plat)\.", sqlite_text(text))


@_BY_NAME
def test_every_table_and_its_less_obvious_columns_are_described(table: sa.Table) -> None:
    assert table.info["doc"].endswith(".")
    for column in table.c:
        assert column.doc is None or column.doc.endswith("."), column.name
        assert column.doc is None or len(column.doc) <= 110, column.name


@_RECORDS
def test_record_tables_are_keyed_and_anchored_and_have_the_standard_columns(table: sa.Table) -> None:
    assert [column.name for column in table.primary_key] == ["tenant_id", "id"]
    assert set(STANDARD_COLUMNS) <= set(table.c.keys())
    anchors = [
        constraint
        for constraint in table.foreign_key_constraints
        if constraint.column_keys == ["tenant_id", "id"] and constraint.referred_table is schema.record
    ]
    assert len(anchors) == 1


@_BY_NAME
def test_every_reference_carries_the_tenant(table: sa.Table) -> None:
    for constraint in table.foreign_key_constraints:
        target = constraint.referred_table
        if target.name in {"tenant", "plugin"}:
            continue
        assert constraint.column_keys[0] == "tenant_id", constraint.name
        assert [element.column.name for element in constraint.elements] == ["tenant_id", "id"]
        assert constraint.ondelete is None, "the core deletes nothing behind the application's back"


@_RECORDS
def test_references_of_records_can_be_followed_backwards_through_an_index(table: sa.Table) -> None:
    leading = {tuple(column.name for column in index.columns)[:2] for index in table.indexes}
    without = {
        constraint.column_keys[-1]
        for constraint in table.foreign_key_constraints
        if constraint.column_keys != ["tenant_id", "id"] and tuple(constraint.column_keys) not in leading
    }
    # A stage has one pipeline and its index serves both; price books of documents are few and never deleted.
    assert without <= {"pipeline_id", "price_book_id"}


@_BY_NAME
def test_what_is_required_is_what_the_program_needs(table: sa.Table) -> None:
    """Business rules are policy: a required text is a name or key the program itself cannot do without."""
    if table.name not in RECORD_TABLES:
        return
    required = {
        column.name
        for column in table.c
        if not column.nullable and column.server_default is None and column.name not in {"tenant_id", "id"}
    }
    assert required <= {
        *("name", "kind", "category", "created_at", "updated_at", "currency", "record_type", "record_id", "value"),
        *("pipeline_id", "pipeline_key", "stage_key", "book_key", "price_book_id", "product_id", "unit_price"),
        *("document_id", "position", "subject", "size", "sha256", "storage_key"),
    }


def test_every_optional_amount_has_its_currency_or_neither() -> None:
    for table in RECORD_TABLES.values():
        for column in table.c:
            if isinstance(column.type, Money) and column.nullable:
                checks = {str(check.sqltext) for check in table.constraints if isinstance(check, sa.CheckConstraint)}
                assert f"({column.name} IS NULL) = (currency IS NULL)" in checks
            elif isinstance(column.type, Money) and not table.name.endswith("_line"):
                assert not table.c.currency.nullable


def test_names_are_short_enough_for_postgresql_and_unique_in_a_file() -> None:
    names: list[str] = []
    for table in _TABLES:
        prefix = "" if table.schema == "core" else "plat_"
        names.append(prefix + table.name)
        names += [prefix + str(index.name) for index in table.indexes]
        constraints = [str(constraint.name) for constraint in table.constraints]
        assert len(set(constraints)) == len(constraints)
        assert all(len(name) <= 63 for name in [*names, *constraints])
    assert len(set(names)) == len(names)


def test_lists_have_their_indexes() -> None:
    for name in ("account", "contact", "lead", "opportunity", "ticket", "product", "campaign", "quote", "activity"):
        indexes = {tuple(column.name for column in index.columns) for index in RECORD_TABLES[name].indexes}
        assert ("tenant_id", "created_at", "id") in indexes
        assert ("tenant_id", "updated_at", "id") in indexes
        title = next((column for column in ("name", "subject") if column in RECORD_TABLES[name].c), None)
        assert title is None or ("tenant_id", title, "id") in indexes
