"""Lists: one statement for the page, then one per plugin for its fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, select

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.errors import InvalidInput
from crm_core.records import cursor as cursors
from crm_core.records.filters import Filter, Sort, Target, parse_filter, parse_sort
from crm_core.records.read import plugin_values
from crm_core.records.statements import in_tenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Select, Table

    from crm_core.plugin_host.fields import PluginFields
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

MAX_LIMIT = 500
DEFAULT_LIMIT = 50
_MOST_STATEMENTS = 1024
# Not isdigit(): that is true of "²", and of more digits than int() takes.
_SMALL_NUMBER = re.compile(r"[0-9]{1,6}")
_statements: dict[tuple[Any, ...], Statement] = {}


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as asked for: conditions, order, page."""

    filters: tuple[Filter, ...]
    sorts: tuple[Sort, ...]
    limit: int
    position: tuple[Any, ...] | None
    deleted: bool


def parse(entity: Entity, plugins: Mapping[str, PluginFields], parameters: Iterable[tuple[str, Any]]) -> Listing:
    """Read the query parameters of a list; everything that is not sort, limit, cursor or deleted is a filter."""
    filters: list[Filter] = []
    special: dict[str, Any] = {}
    for key, value in parameters:
        if key in {"sort", "limit", "cursor", "deleted"}:
            special[key] = value
        else:
            filters.append(parse_filter(entity, plugins, key, value))
    sorts = parse_sort(entity, plugins, str(special.get("sort") or "id"))
    cursor = special.get("cursor")
    position = tuple(cursors.decode(sorts, str(cursor))) if cursor else None
    return Listing(tuple(filters), sorts, parse_limit(special.get("limit")), position, _deleted(special.get("deleted")))


def parse_limit(text: Any) -> int:
    """Return the number of rows a page may have."""
    if text is None:
        return DEFAULT_LIMIT
    value = int(text) if _SMALL_NUMBER.fullmatch(str(text)) else 0
    if not 1 <= value <= MAX_LIMIT:
        message = f"limit={text}: write a number from 1 to {MAX_LIMIT}"
        raise InvalidInput(message, parameter="limit")
    return value


def _deleted(text: Any) -> bool:
    if text is None or text is False or text == "false":
        return False
    if text is True or text == "true":
        return True
    message = f"deleted={text}: write true for the bin, or leave it out"
    raise InvalidInput(message, parameter="deleted")


def list_rows(scope: Scope, entity: Entity, listing: Listing) -> tuple[list[dict[str, Any]], str | None]:
    """Return one page of rows (with ``plugins``) and the cursor of the next page, None at the end."""
    grant = scope.actor.require(entity.record_type, "read")
    statement = _statement(entity, listing, scoped=grant.owners is not None)
    values: dict[str, Any] = {"page_limit": listing.limit + 1}
    values |= {f"filter_{index}": each.value for index, each in enumerate(listing.filters)}
    values |= {f"after_{index}": value for index, value in enumerate(listing.position or ())}
    if grant.owners is not None:
        values["owners"] = list(grant.owners)
    found = scope.uow.fetch(statement, values)
    width = len(entity.names)
    rows = [dict(zip(entity.names, row[:width], strict=True)) for row in found[: listing.limit]]
    for row, own in zip(rows, plugin_values(scope, entity, [row["id"] for row in rows]), strict=True):
        row["plugins"] = own
    more = len(found) > listing.limit
    return rows, cursors.encode(listing.sorts, found[listing.limit - 1][width:]) if more else None


def _statement(entity: Entity, listing: Listing, *, scoped: bool) -> Statement:
    shape = (
        entity.record_type,
        tuple(each.shape() for each in listing.filters),
        tuple((sort.target.name, sort.descending) for sort in listing.sorts),
        None if listing.position is None else tuple(value is None for value in listing.position),
        listing.deleted,
        scoped,
        # The columns themselves, kept alive by the key: two plugins' loads may name a field alike.
        tuple(target.column for target in _targets(listing)),
    )
    statement = _statements.get(shape)
    if statement is None:
        if len(_statements) >= _MOST_STATEMENTS:
            _statements.clear()
        statement = _statements[shape] = Statement(_construct(entity, listing, scoped=scoped))
    return statement


def _construct(entity: Entity, listing: Listing, *, scoped: bool) -> Select[Any]:
    table = entity.table
    keys = [sort.target.column.label(f"key_{index}") for index, sort in enumerate(listing.sorts)]
    statement = select(*(table.c[name] for name in entity.names), *keys)
    statement = _joined(statement, table, listing).where(in_tenant(table.c.tenant_id))
    deleted = table.c.deleted_at
    statement = statement.where(deleted.is_not(None) if listing.deleted else deleted.is_(None))
    for index, each in enumerate(listing.filters):
        statement = statement.where(each.condition(f"filter_{index}"))
    if scoped:
        statement = statement.where(is_in(table.c[entity.owner_column], "owners"))
    if listing.position is not None:
        statement = statement.where(cursors.after(listing.sorts, listing.position))
    return statement.order_by(*_order(listing.sorts)).limit(bindparam("page_limit", type_=table.c.version.type))


def _targets(listing: Listing) -> list[Target]:
    return [*(each.target for each in listing.filters), *(sort.target for sort in listing.sorts)]


def _joined(statement: Select[Any], table: Table, listing: Listing) -> Select[Any]:
    """Join the side tables that the list filters or sorts by, and no other."""
    joined: set[int] = set()
    for target in _targets(listing):
        side = target.column.table
        if target.plugin is None or id(side) in joined:
            continue
        joined.add(id(side))
        strict = any(
            each.target.column.table is side and each.operator not in {"empty", "ne"} for each in listing.filters
        )
        on = and_(side.c.tenant_id == table.c.tenant_id, side.c.record_id == table.c.id)
        statement = statement.join(side, on, isouter=not strict)
    return statement


def _order(sorts: Sequence[Sort]) -> list[Any]:
    order: list[Any] = []
    for sort in sorts:
        column = sort.target.column
        ordered = column.desc() if sort.descending else column.asc()
        order.append(ordered.nulls_last() if column.nullable else ordered)
    return order
