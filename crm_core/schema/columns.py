"""Building blocks of the core tables, so that every record type and every reference looks the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem

from crm_core.schema.metadata import core
from crm_core.schema.types import Flag, Id, Json, Money, PlainText, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "STANDARD_COLUMNS",
    "Items",
    "flag",
    "id_column",
    "index",
    "json",
    "moment",
    "money",
    "money_pair",
    "one_of",
    "record_table",
    "ref",
    "table",
    "tenant_column",
    "text",
    "unique",
]

Items: TypeAlias = "SchemaItem | Sequence[Items]"
"""One table part, or several that belong together."""

STANDARD_COLUMNS = ("version", "created_at", "created_by", "updated_at", "updated_by", "deleted_at", "deleted_by")
"""Columns every record type has besides tenant_id and id; the core fills them, no caller does."""

_NOT_DELETED = "deleted_at IS NULL"


def table(metadata: sa.MetaData, name: str, *items: Items, doc: str) -> sa.Table:
    """Make a table from single parts and lists of parts."""
    # Columns first: constraints and indexes find theirs by name.
    parts = sorted(_flat(items), key=lambda part: not isinstance(part, sa.Column))
    return sa.Table(name, metadata, *parts, info={"doc": doc})


def record_table(name: str, *items: Items, doc: str, listed: bool = True) -> sa.Table:
    """Make the table of a record type: keyed and anchored in `record`, with the standard columns.

    A `listed` type has indexes for lists in order of creation and of change.
    """
    parts: list[Items] = [
        tenant_column(),
        id_column(),
        *items,
        *_standard_columns(),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.ForeignKeyConstraint(["tenant_id", "id"], ["core.record.tenant_id", "core.record.id"]),
    ]
    if listed:
        parts += [index("created_at", "id"), index("updated_at", "id")]
    return table(core, name, *parts, doc=doc)


def tenant_column() -> sa.Column[object]:
    """Make the column that leads every key."""
    return sa.Column("tenant_id", Id, nullable=False, doc="The tenant the row belongs to.")


def id_column(name: str = "id", *, required: bool = True, doc: str = "The id, made by the application.") -> Items:
    """Make an id column without a foreign key."""
    return sa.Column(name, Id, nullable=not required, doc=doc)


def text(name: str, *, required: bool = False, default: str | None = None, doc: str | None = None) -> Items:
    """Make a text column."""
    return sa.Column(name, PlainText, nullable=not required, server_default=default, doc=doc)


def flag(name: str, *, default: bool, doc: str | None = None) -> Items:
    """Make a column that is true or false, never unknown."""
    value = sa.true() if default else sa.false()
    return sa.Column(name, Flag, nullable=False, server_default=value, doc=doc)


def json(name: str, *, required: bool = False, doc: str | None = None) -> Items:
    """Make a JSON column."""
    return sa.Column(name, Json, nullable=not required, doc=doc)


def moment(name: str, *, required: bool = False, doc: str | None = None) -> Items:
    """Make a column for a moment in time."""
    return sa.Column(name, UtcDateTime, nullable=not required, doc=doc)


def money(name: str, *, doc: str | None = None) -> Items:
    """Make an amount that is never empty, for rows whose currency is never empty either."""
    return sa.Column(name, Money, nullable=False, server_default=sa.text("0"), doc=doc)


def money_pair(name: str, *, doc: str | None = None) -> Items:
    """Make an amount and its currency, both or neither."""
    return [
        sa.Column(name, Money, doc=doc),
        sa.Column("currency", PlainText, doc=f"The currency of {name}, three letters of ISO 4217."),
        sa.CheckConstraint(f"({name} IS NULL) = (currency IS NULL)", name=f"{name}_has_currency"),
    ]


def one_of(name: str, values: Sequence[str], *, required: bool = True, doc: str | None = None) -> Items:
    """Make a text column for a set of values the core owns."""
    allowed = ", ".join(f"'{value}'" for value in values)
    doc = doc or f"One of {', '.join(values)}."
    column = sa.Column(name, PlainText, nullable=not required, doc=doc, info={"values": tuple(values)})
    return [column, sa.CheckConstraint(f"{name} IN ({allowed})", name=name)]


def ref(
    name: str,
    target: str,
    *,
    required: bool = False,
    indexed: bool = True,
    sparse: bool | None = None,
    sorted_by: Sequence[str] = ("id",),
    doc: str | None = None,
) -> Items:
    """Make a reference to a row of another table of the same tenant.

    The foreign key carries the tenant, so a reference across tenants is impossible. The index of an optional reference
    leaves out the rows without one, unless `sparse` is False because "has none" is a question people ask.
    """
    parts: list[Items] = [
        sa.Column(name, Id, nullable=not required, doc=doc, info={"references": target}),
        sa.ForeignKeyConstraint(["tenant_id", name], [f"core.{target}.tenant_id", f"core.{target}.id"]),
    ]
    if indexed:
        sparse = not required if sparse is None else sparse
        parts.append(index(name, *sorted_by, where=f"{name} IS NOT NULL" if sparse else None))
    return parts


def index(*columns: str, where: str | None = None, name: str | None = None) -> sa.Index:
    """Make an index inside the tenant, kept to the rows that match `where`."""
    return _index(columns, where, name, is_unique=False)


def unique(*columns: str | sa.TextClause, where: str | None = _NOT_DELETED, name: str | None = None) -> sa.Index:
    """Make a key that is unique inside the tenant among the rows that are not deleted."""
    return _index(columns, where, name, is_unique=True)


def _index(columns: Sequence[str | sa.TextClause], where: str | None, name: str | None, *, is_unique: bool) -> sa.Index:
    condition = None if where is None else sa.text(where)
    return sa.Index(name, "tenant_id", *columns, unique=is_unique, postgresql_where=condition, sqlite_where=condition)


def _standard_columns() -> list[Items]:
    return [
        sa.Column(
            "version", sa.Integer, nullable=False, server_default=sa.text("1"), doc="Counts changes; sent as the ETag."
        ),
        moment("created_at", required=True),
        # No foreign keys on who did it: these are facts like the audit trail's actor, and are checked by nobody.
        id_column("created_by", required=False, doc="The principal that created the record."),
        moment("updated_at", required=True),
        id_column("updated_by", required=False, doc="The principal that made the last change."),
        moment("deleted_at", doc="Set while the record is in the bin; it can be restored."),
        id_column("deleted_by", required=False, doc="The principal that deleted the record."),
    ]


def _flat(items: Items) -> Iterator[SchemaItem]:
    if isinstance(items, SchemaItem):
        yield items
        return
    for item in items:
        yield from _flat(item)
