"""The two collections of tables, and how their constraints and indexes are named.

Names are part of the schema: a migration that drops a constraint must know what it is called, on every installation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["core", "platform"]


def _key_columns(constraint: sa.schema.ColumnCollectionMixin, _table: sa.Table) -> str:
    """Name what a key is about: its columns without the tenant, which is in all, and without a trailing id."""
    names = [column.name for column in constraint.columns if column.name != "tenant_id"] or ["tenant_id"]
    if len(names) > 1 and names[-1] == "id":
        names.pop()
    return "_".join(names)


def _index_prefix(index: sa.Index, _table: sa.Table) -> str:
    return "uq" if index.unique else "ix"


_NAMING: dict[str, str | Callable[[Any, sa.Table], str]] = {
    "key_columns": _key_columns,
    "index_prefix": _index_prefix,
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(key_columns)s",
    "ix": "%(index_prefix)s_%(table_name)s_%(key_columns)s",
    "uq": "uq_%(table_name)s_%(key_columns)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

core = sa.MetaData(schema="core", naming_convention=_NAMING)
"""The frozen core tables."""

platform = sa.MetaData(schema="plat", naming_convention=_NAMING)
"""The platform's own state, versioned separately from the core."""
