"""Alembic's batch operations on SQLite, where a schema is the beginning of a table's name.

A batch copies a table to a new one and gives that the old name. Alembic takes it for granted then that a table and
what it refers to are in one schema, and that a new name needs none.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.ddl.base import RenameTable, alter_table, format_table_name
from alembic.ddl.sqlite import SQLiteImpl
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from alembic.operations.batch import ApplyBatchImpl
    from sqlalchemy.dialects.sqlite.base import SQLiteDDLCompiler

__all__ = ["SingleFileImpl"]


class SingleFileImpl(SQLiteImpl):
    """What Alembic does on SQLite, with references that stay what they are; known to it by the dialect's name."""

    __dialect__ = "sqlite"

    def prep_table_for_batch(self, batch_impl: ApplyBatchImpl, table: sa.Table) -> None:
        """Let the copy of a table refer to what the table refers to, in whatever schema that is."""
        del table
        copy = batch_impl.new_table
        known = chain(batch_impl.named_constraints.values(), batch_impl.unnamed_constraints)
        originals = {_columns(key): key for key in known if isinstance(key, sa.ForeignKeyConstraint)}
        for key in list(copy.foreign_key_constraints if copy is not None else ()):
            original = originals.get(_columns(key))
            if copy is not None and original is not None and _targets(original) != _targets(key):
                _take_off(copy, key)
                copy.append_constraint(
                    sa.ForeignKeyConstraint(
                        key.column_keys, _targets(original), name=key.name, ondelete=key.ondelete, onupdate=key.onupdate
                    )
                )


@compiles(RenameTable, "sqlite")
def _rename_table(element: RenameTable, compiler: SQLiteDDLCompiler, **_kw: Any) -> str:
    """Name the schema in the new name, too; Alembic leaves it out."""
    old = alter_table(compiler, element.table_name, element.schema)
    return f"{old} RENAME TO {format_table_name(compiler, element.new_table_name, element.schema)}"


def _columns(key: sa.ForeignKeyConstraint) -> tuple[str, ...]:
    return tuple(key.column_keys)


def _targets(key: sa.ForeignKeyConstraint) -> list[str]:
    return [element.target_fullname for element in key.elements]


def _take_off(table: sa.Table, key: sa.ForeignKeyConstraint) -> None:
    table.constraints.remove(key)
    for element in key.elements:
        table.foreign_keys.discard(element)
        element.parent.foreign_keys.discard(element)
