"""Every statement of the core that is made once: those in modules, and those built for each record type."""

from __future__ import annotations

import importlib
import operator
import pkgutil
from typing import TYPE_CHECKING, Any

from sqlalchemy import Insert, Table
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause
from sqlalchemy.sql.selectable import Alias

import crm_core
from crm_core.catalog import CATALOG
from crm_core.db.statements import Statement
from crm_core.records import statements as built

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TENANT = "tenant_id"


def named_statements() -> dict[str, Statement]:
    """Return the statements by the module and name under which the core keeps them."""
    found: dict[str, Statement] = {}
    for module in pkgutil.walk_packages(crm_core.__path__, "crm_core."):
        if ".migrations." in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            found.update(_in(f"{module.name}.{name}", value))
    for record_type, entity in CATALOG.items():
        found.update(_in(f"rules of {record_type}", vars(entity.rules)))
    return {**found, **dict(_of_every_type())}


def _in(name: str, value: Any) -> dict[str, Statement]:
    """Return a statement, or those in a container."""
    if isinstance(value, Statement):
        return {name: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return {f"{name}[{key}]": each for key, each in items if isinstance(each, Statement)}


def _of_every_type() -> Iterator[tuple[str, Statement]]:
    for record_type, entity in CATALOG.items():
        yield f"insert {record_type}", built.insert_into(entity.table)
        yield f"update {record_type}", built.update_row(entity, ("updated_at", "version"))
        yield f"select {record_type}", built.select_one(entity, scoped=True)
        yield f"select many {record_type}", built.select_many(entity)


def without_tenant(statement: Statement) -> list[str]:
    """Return the tables of a statement whose rows are not kept to the tenant, though they have one."""
    construct: Any = statement.construct
    if isinstance(construct, Insert):
        values = construct._values or ()  # noqa: SLF001 - no public name
        given = {*(statement.columns or ()), *(str(getattr(key, "name", key)) for key in values)}
        return [] if _TENANT in given or _TENANT not in construct.table.c else [str(construct.table)]
    parts = list(visitors.iterate(construct))
    sources = [part for part in parts if isinstance(part, Table | Alias) and _TENANT in part.c]
    aliased = {id(part.element) for part in sources if isinstance(part, Alias)}
    kept = _bound_tables(part for part in parts if isinstance(part, BinaryExpression) and part.operator is operator.eq)
    # A table under an alias is seen twice; what counts is the alias, unless the table is read by itself as well.
    missing = [part for part in sources if id(part) not in kept and id(part) not in aliased]
    return sorted({str(part.name) for part in missing})


def _bound_tables(conditions: Iterable[Any]) -> set[int]:
    """Return the tables whose tenant is a given one, or that of such a table."""
    bound: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for condition in conditions:
        tenants = [id(side.table) for side in (condition.left, condition.right) if _is_tenant(side)]
        if len(tenants) == 2:
            pairs.append((tenants[0], tenants[1]))
        elif tenants and any(isinstance(side, BindParameter) for side in (condition.left, condition.right)):
            bound.add(tenants[0])
    for _ in pairs:
        bound |= {one for pair in pairs for one in pair if not bound.isdisjoint(pair)}
    return bound


def _is_tenant(side: Any) -> bool:
    return isinstance(side, ColumnClause) and side.name == _TENANT
