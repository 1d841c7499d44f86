"""Lists of rows that are no records: links, keys, permissions, audit events.

They have no version, no bin and no plugin fields; a list of them has filters by equality, a fixed total order and the
same cursors as every other list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Integer, bindparam, select

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.errors import InvalidInput, PermissionDenied, RecordNotFound
from crm_core.records import cursor as cursors
from crm_core.records.fields import fields_of
from crm_core.records.filters import Filter, Sort, Target
from crm_core.records.listing import parse_limit
from crm_core.records.statements import in_tenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Table

    from crm_core.actors import Grant
    from crm_core.records.fields import Field
    from crm_core.records.scope import Scope

_INTEGER = Integer()
_KEY = re.compile(r"(?P<field>[a-z_]+)(?P<empty>\[empty\])?")


@dataclass(frozen=True, eq=False)
class Rows:
    """One table of plain rows as it is listed.

    ``resource`` is what permissions call it, ``keys`` its total order, ``hidden`` the columns nobody is shown, and
    ``owner`` the column that scopes narrower than ``all`` look at (None: such scopes do not reach it).
    """

    resource: str
    table: Table
    filters: tuple[str, ...]
    keys: tuple[str, ...] = ("id",)
    descending: bool = False
    hidden: frozenset[str] = frozenset()
    owner: str | None = None

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The columns that are shown, by name."""
        return {each.name: each for each in fields_of(self.table, frozenset()) if each.name not in self.hidden}

    @cached_property
    def out_type(self) -> Any:
        """The msgspec type of one row in an answer."""
        kinds = (
            (each.name, each.python_type | None if each.nullable else each.python_type) for each in self.fields.values()
        )
        return msgspec.defstruct(_camel(str(self.table.name)), list(kinds), gc=False)

    @cached_property
    def page_type(self) -> Any:
        """The msgspec type of one page in an answer."""
        members = [("data", list[self.out_type]), ("next_cursor", str | None)]  # type: ignore[name-defined]
        return msgspec.defstruct(f"{self.out_type.__name__}Page", members)

    @cached_property
    def query(self) -> tuple[Mapping[str, Any], ...]:
        """The query parameters of the list, for the OpenAPI document."""
        names = (*self.filters, "limit", "cursor")
        return tuple({"name": name, "in": "query", "schema": {"type": "string"}} for name in names)

    def target(self, name: str) -> Target:
        """Return a column to filter or sort by."""
        field = self.fields[name]
        return Target(name, field.column, lambda value: field.convert(self.resource, value, strict=False))

    @cached_property
    def sorts(self) -> tuple[Sort, ...]:
        """The order of the list."""
        return tuple(Sort(self.target(name), self.descending) for name in self.keys)


def allowed(scope: Scope, rows: Rows, action: str) -> Grant:
    """Return the grant for an action on rows; one that does not reach all needs a column that says whose they are."""
    grant = scope.actor.require(rows.resource, action)
    if grant.owners is not None and rows.owner is None:
        message = f"{rows.resource} rows have no owner: the permission {rows.resource}:{action} must have the scope all"
        raise PermissionDenied(message, resource=rows.resource, action=action)
    return grant


def checked(rows: Rows, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a request as they will be stored; an InvalidInput names the field and the limit."""
    return {name: rows.fields[name].check(rows.resource, value) for name, value in values.items()}


def page(scope: Scope, rows: Rows, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return one page as it is answered, within the actor's permission to read such rows."""
    return page_of(scope, rows, query, {}, allowed(scope, rows, "read"))


def page_of(
    scope: Scope, rows: Rows, query: Iterable[tuple[str, str]], fixed: Mapping[str, Any], grant: Grant
) -> dict[str, Any]:
    """Return one page of the rows with some ``fixed`` values, for a caller who has checked the permission."""
    filters = [Filter(rows.target(name), "eq", value) for name, value in fixed.items()]
    special: dict[str, str] = {}
    for key, text in query:
        if key in {"limit", "cursor"}:
            special[key] = text
        else:
            filters.append(_filter(rows, key, text))
    limit = parse_limit(special.get("limit"))
    position = cursors.decode(rows.sorts, special["cursor"]) if special.get("cursor") else None
    values: dict[str, Any] = {"page_limit": limit + 1}
    values |= {f"filter_{index}": each.value for index, each in enumerate(filters)}
    values |= {f"after_{index}": value for index, value in enumerate(position or ())}
    if grant.owners is not None:
        values["owners"] = list(grant.owners)
    shape = tuple(each.shape() for each in filters)
    statement = _statement(rows, _Filters(shape, filters), after=position is not None, scoped=grant.owners is not None)
    found = scope.uow.fetch(statement, values)
    return _answer(rows, found, limit)


def _answer(rows: Rows, found: Sequence[Sequence[Any]], limit: int) -> dict[str, Any]:
    width = len(rows.fields)
    data = [rows.out_type(*row[:width]) for row in found[:limit]]
    cursor = cursors.encode(rows.sorts, found[limit - 1][width:]) if len(found) > limit else None
    return {"data": data, "next_cursor": cursor}


def one(scope: Scope, rows: Rows, action: str, key: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row by its key within the grant, or raise RecordNotFound."""
    grant = allowed(scope, rows, action)
    values = dict(key)
    if grant.owners is not None:
        values["owners"] = list(grant.owners)
    row = scope.uow.fetch_one(_one(rows, tuple(key), scoped=grant.owners is not None), values)
    if row is None:
        named = ", ".join(f"{name} {value}" for name, value in key.items())
        message = f"there is no {rows.resource} with {named} for you in this tenant"
        raise RecordNotFound(message, **{name: str(value) for name, value in key.items()})
    return dict(zip(rows.fields, row, strict=True))


def _filter(rows: Rows, key: str, text: str) -> Filter:
    match = _KEY.fullmatch(key)
    if match is None or match["field"] not in rows.filters:
        message = f"{key!r} is no parameter of this list; there are {', '.join((*rows.filters, 'limit', 'cursor'))}"
        raise InvalidInput(message, parameter=key)
    target = rows.target(match["field"])
    if not match["empty"]:
        return Filter(target, "eq", target.convert(text))
    if text not in {"true", "false"}:
        message = f"{key}={text!r}: write true or false"
        raise InvalidInput(message, parameter=key)
    return Filter(target, "empty", text == "true")


class _Filters:
    """Filters of one shape; equal as cache keys whatever their values."""

    def __init__(self, shape: tuple[tuple[str, str], ...], filters: Sequence[Filter]) -> None:
        self.shape, self.filters = shape, filters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Filters) and other.shape == self.shape

    def __hash__(self) -> int:
        return hash(self.shape)


@lru_cache(maxsize=256)
def _statement(rows: Rows, filters: _Filters, *, after: bool, scoped: bool) -> Statement:
    table = rows.table
    keys = [sort.target.column.label(f"key_{index}") for index, sort in enumerate(rows.sorts)]
    statement = select(*(table.c[name] for name in rows.fields), *keys).where(in_tenant(table.c.tenant_id))
    for index, each in enumerate(filters.filters):
        statement = statement.where(each.condition(f"filter_{index}"))
    if scoped and rows.owner:
        statement = statement.where(is_in(table.c[rows.owner], "owners"))
    if after:
        statement = statement.where(cursors.after(rows.sorts, [True] * len(rows.sorts)))
    order = [sort.target.column.desc() if sort.descending else sort.target.column.asc() for sort in rows.sorts]
    return Statement(statement.order_by(*order).limit(bindparam("page_limit", type_=_INTEGER)))


@lru_cache(maxsize=64)
def _one(rows: Rows, key: tuple[str, ...], *, scoped: bool) -> Statement:
    table = rows.table
    statement = select(*(table.c[name] for name in rows.fields)).where(in_tenant(table.c.tenant_id))
    for name in key:
        statement = statement.where(table.c[name] == bindparam(name, type_=table.c[name].type))
    if scoped and rows.owner:
        statement = statement.where(is_in(table.c[rows.owner], "owners"))
    return Statement(statement)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
