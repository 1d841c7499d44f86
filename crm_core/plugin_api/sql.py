"""``ctx.sql``: SQLAlchemy Core statements over a plugin's own tables, bound to the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, Insert, Select, Table, TextClause, Update
from sqlalchemy.sql import visitors

from crm_core.db.statements import Statement
from plugin_sdk import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Executable

    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.registry import LoadedPlugin


class PluginSql:
    """See ``plugin_sdk.Sql``."""

    __slots__ = ("_check_alive", "_label", "_schema", "_uow")

    def __init__(self, uow: UnitOfWork, plugin: LoadedPlugin, check_alive: Callable[[], None]) -> None:
        self._uow = uow
        self._label = plugin.label
        self._schema = f"plg_{plugin.id}"
        self._check_alive = check_alive

    def execute(self, statement: Executable) -> int:
        """Run an INSERT, UPDATE or DELETE over own tables."""
        self._check_alive()
        if not isinstance(statement, Insert | Update | Delete):
            raise self._refusal(type(statement).__name__, "build an insert, update or delete from own tables")
        self._check_tables(statement)
        bound = self._of_tenant(statement)
        return self._uow.execute(Statement(bound), {})

    def rows(self, statement: Executable) -> list[Mapping[str, Any]]:
        """Run a SELECT and return its rows."""
        self._check_alive()
        if not isinstance(statement, Select):
            raise self._refusal(type(statement).__name__, "build a select from the plugin's own tables")
        self._check_tables(statement)
        prepared = Statement(self._select_of_tenant(statement))
        names = prepared.on(self._uow.connection.dialect).columns
        return [dict(zip(names, row, strict=True)) for row in self._uow.fetch(prepared, {})]

    def scalar(self, statement: Executable) -> Any:
        """Run a SELECT and return one value."""
        rows = self.rows(statement)
        return next(iter(rows[0].values())) if rows else None

    def _of_tenant(self, statement: Insert | Update | Delete) -> Any:
        table: Any = statement.table
        if isinstance(statement, Insert):
            self._check_tenant(statement)
            return statement if _many(statement) else statement.values(tenant_id=self._uow.tenant_id)
        return statement.where(table.c.tenant_id == self._uow.tenant_id)

    def _check_tenant(self, statement: Insert) -> None:
        """Refuse rows of another tenant; rows of one INSERT with many must name their tenant."""
        rows: list[Any] = _many(statement) or [_one(statement)]
        for row in rows:
            named: dict[str, Any] = {getattr(key, "name", str(key)): value for key, value in row.items()}
            missing = None if _many(statement) else self._uow.tenant_id
            given = named.get("tenant_id", missing)
            if getattr(given, "value", given) != self._uow.tenant_id:
                raise self._refusal(f"{statement.table} with another tenant_id", "write rows of ctx.tenant_id only")

    def _select_of_tenant(self, statement: Select[Any]) -> Select[Any]:
        for table in _own_tables(statement.get_final_froms()):
            statement = statement.where(table.c.tenant_id == self._uow.tenant_id)
        return statement

    def _check_tables(self, statement: Any) -> None:
        for element in visitors.iterate(statement):
            if isinstance(element, TextClause):
                raise self._refusal("textual SQL", "build the statement with SQLAlchemy's constructs")
            if isinstance(element, Table) and element.schema != self._schema:
                raise self._refusal(
                    element.fullname, "core tables are reached through ctx.api, other plugins' tables not at all"
                )
        target = getattr(statement, "table", None)
        if target is not None and getattr(target, "schema", None) != self._schema:
            raise self._refusal(str(target), "return changes from the hook or call ctx.api")

    def _refusal(self, what: str, supported: str) -> NotAllowed:
        message = f"plugin {self._label} may not use {what} in ctx.sql; {supported}"
        return NotAllowed(message)


def _many(statement: Insert) -> list[Any]:
    """Return the rows of an INSERT of many rows, none for one of a single row."""
    return [row for group in statement._multi_values for row in group]  # noqa: SLF001 - no public name


def _one(statement: Insert) -> Any:
    return statement._values or {}  # noqa: SLF001 - no public name


def _own_tables(froms: Iterable[Any]) -> Iterable[Table]:
    for source in froms:
        for element in visitors.iterate(source):
            if isinstance(element, Table):
                yield element
