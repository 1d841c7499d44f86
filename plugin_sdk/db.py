"""Own tables of a plugin, declared once and the same on PostgreSQL and SQLite (extra ``db``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, Uuid

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem

_ANCHOR = "core.record"


class Namespace:
    """The tables of one plugin: PostgreSQL schema ``plg_<id>``, SQLite prefix ``plg_<id>__``."""

    def __init__(self, plugin: str) -> None:
        """Open the namespace of the plugin with that id."""
        self.schema = f"plg_{plugin}"
        self.metadata = MetaData(schema=self.schema)
        Table(
            "record",
            self.metadata,
            Column("tenant_id", Uuid(), primary_key=True),
            Column("id", Uuid(), primary_key=True),
            schema="core",
        )

    def table(self, name: str, *items: SchemaItem) -> Table:
        """Declare a table with ``tenant_id`` and ``id`` as its key and the given columns and constraints."""
        return Table(
            name,
            self.metadata,
            Column("tenant_id", Uuid(), nullable=False),
            Column("id", Uuid(), nullable=False),
            *items,
            PrimaryKeyConstraint("tenant_id", "id", name=f"pk_{name}"),
        )

    def core(self, name: str, *columns: Column[Any]) -> Table:
        """Declare a table of the core with the columns to be read; ``ctx.sql`` selects from it and never writes it.

        It takes the capability ``core:read``. Declare amounts as ``Numeric(19, 4)``, moments as
        ``DateTime(timezone=True)``, ids as ``Uuid()``: ``ctx.sql`` says how, where a type or a name is another.
        """
        # With no table of the plugin's, so that nobody takes it for one that a migration makes.
        return Table(name, MetaData(schema="core"), *columns)


def record_reference(column: str, *, on_delete: str = "CASCADE") -> tuple[Column[Any], ForeignKeyConstraint]:
    """Return a column that refers to a core record, and its constraint to the record anchor.

    ``on_delete`` is CASCADE; the reference must be indexed by the plugin's migration. Any other
    target or action is refused, because it could keep the core from deleting a record.
    """
    if on_delete != "CASCADE":
        message = f"record_reference({column!r}, on_delete={on_delete!r}): only CASCADE is supported"
        raise ValueError(message)
    return (
        Column(column, Uuid(), nullable=False),
        ForeignKeyConstraint(["tenant_id", column], [f"{_ANCHOR}.tenant_id", f"{_ANCHOR}.id"], ondelete="CASCADE"),
    )
