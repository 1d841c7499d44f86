"""Parts: records read and written with the one they belong to, such as the lines of an order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.errors import InvalidInput, Refused
from crm_core.records.read import plugin_values
from crm_core.records.statements import in_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from crm_core.records.entity import Entity, Parts
    from crm_core.records.scope import Scope


def attach(scope: Scope, entity: Entity, rows: Sequence[dict[str, Any]]) -> None:
    """Add their parts, in order, to the rows of a page: one statement for the page and one per plugin."""
    parts = entity.parts
    if parts is None:
        return
    by_parent: dict[UUID, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    found = rows_of_parts(scope, parts, list(by_parent))
    for part, own in zip(found, plugin_values(scope, parts.entity, [part["id"] for part in found]), strict=True):
        by_parent[part[parts.key]].append({**part, "plugins": own})
    for row in rows:
        row[parts.name] = by_parent[row["id"]]


def rows_of_parts(scope: Scope, parts: Parts, parents: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the parts of some records that are not deleted, in order; the records' permission covers them."""
    if not parents:
        return []
    found = scope.uow.fetch(_select(parts), {"parents": list(parents)})
    return [dict(zip(parts.entity.names, row, strict=True)) for row in found]


@lru_cache(maxsize=32)
def _select(parts: Parts) -> Statement:
    table = parts.entity.table
    return Statement(
        select(*(table.c[name] for name in parts.entity.names))
        .where(in_tenant(table.c.tenant_id), is_in(table.c[parts.key], "parents"), table.c.deleted_at.is_(None))
        .order_by(table.c[parts.key], table.c[parts.order], table.c.id)
    )


@contextmanager
def located(name: str, index: int) -> Iterator[None]:
    """Make errors inside the block say which part they are about, counted from 0 as in the request."""
    where = f"{name}[{index}]"
    try:
        yield
    except Refused as error:
        raise Refused(
            [
                (source, replace(issue, message=f"{where}: {issue.message}", field=_inside(where, issue.field)))
                for source, issue in error.issues
            ]
        ) from error
    except InvalidInput as error:
        details = {**error.details, "field": _inside(where, error.details.get("field"))}
        raise type(error)(f"{where}: {error.message}", **details) from error


def _inside(where: str, field: str | None) -> str:
    return where if field is None else f"{where}.{field}"
