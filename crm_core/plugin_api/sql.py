"""``ctx.sql``: SQLAlchemy Core statements over a plugin's own tables, bound to the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import BindParameter, CompoundSelect, Delete, Insert, Select, Table, Update
from sqlalchemy.sql.elements import Grouping

from crm_core import errors
from crm_core.db.values import unstorable
from crm_core.plugin_api.errors import as_sdk_error
from crm_core.plugin_api.guarded import GuardedStatement, Limits
from crm_core.plugin_host.core_read import rights_of
from plugin_sdk import Issue, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Executable

    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.budgets import Meter
    from crm_core.plugin_host.registry import LoadedPlugin

_TENANT = "tenant_id"


class PluginSql:
    """See ``plugin_sdk.Sql``."""

    __slots__ = ("_check_alive", "_limits", "_meter", "_rights", "_uow")

    def __init__(self, uow: UnitOfWork, plugin: LoadedPlugin, check_alive: Callable[[], None], meter: Meter) -> None:
        self._uow = uow
        self._rights = rights_of(plugin.manifest)
        self._limits = Limits.of(self._rights, uow.tenant_id)
        self._check_alive = check_alive
        self._meter = meter

    def execute(self, statement: Executable) -> int:
        """Run an INSERT, UPDATE or DELETE over own tables, in a savepoint: a plugin may catch its failure."""
        self._check_alive()
        with self._meter:
            self._meter.statement()
            count = self._execute(statement)
            self._meter.wrote(max(count, 0))
        return count

    def _execute(self, statement: Executable) -> int:
        if not isinstance(statement, Insert | Update | Delete):
            raise self._limits.refusal(type(statement).__name__, "build an insert, update or delete from own tables")
        guarded = self._guarded(self._of_tenant(statement))
        try:
            count: int = self._uow.attempt(lambda: self._uow.execute(guarded, {}, self._rights))
        except errors.CrmError as error:
            raise as_sdk_error(error) from error
        return count

    def rows(self, statement: Executable) -> list[Mapping[str, Any]]:
        """Run a SELECT and return its rows."""
        self._check_alive()
        with self._meter:
            self._meter.statement()
            found = self._rows(statement)
            self._meter.read(len(found))
        return found

    def _rows(self, statement: Executable) -> list[Mapping[str, Any]]:
        if not isinstance(statement, Select | CompoundSelect):
            raise self._limits.refusal(type(statement).__name__, "build a select from the plugin's own tables")
        # One row more than the budget has left tells that there are too many; reading them all might not end.
        guarded = self._guarded(_limited(statement, self._meter.rows_left + 1))
        names = guarded.on(self._uow.connection.dialect).columns
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise self._limits.refusal(f"two columns named {', '.join(twice)}", "give one of them a label")
        if getattr(statement, "_for_update_arg", None) is not None:
            # A lock holds until the transaction ends: there must be one.
            self._uow.begin()
        try:
            found = self._uow.fetch(guarded, {}, self._rights)
        except errors.CrmError as error:
            raise as_sdk_error(error) from error
        return [dict(zip(names, row, strict=True)) for row in found]

    def _guarded(self, statement: Executable) -> GuardedStatement:
        """Return a statement that may run, with values that the database can take."""
        guarded = GuardedStatement(statement, self._limits)
        for name, value in guarded.on(self._uow.connection.dialect).own_values():
            reason = unstorable(value)
            if reason is not None:
                message = (
                    f"plugin {self._rights.label} in {self._meter.where}: the value {name} of a statement {reason}"
                )
                raise Rejected([Issue("invalid_input", message, name)])
        return guarded

    def scalar(self, statement: Executable) -> Any:
        """Run a SELECT and return one value."""
        rows = self.rows(statement)
        return next(iter(rows[0].values())) if rows else None

    def _of_tenant(self, statement: Insert | Update | Delete) -> Any:
        """Return the statement kept to rows of the tenant; reads inside it are kept by the compiler."""
        table: Any = statement.table
        if not isinstance(table, Table) or _TENANT not in table.c:
            raise self._limits.refusal(f"{table} without {_TENANT}", "declare tables with plugin_sdk.db.Namespace")
        self._limits.require(table, write=True)
        if not _has_one_tenant(table):
            raise self._limits.refusal(f"{table} with {_TENANT} under another name", "declare it as Namespace does")
        if statement._returning:  # noqa: SLF001 - no public name
            raise self._limits.refusal("RETURNING", "read the rows afterwards with ctx.sql.rows")
        if isinstance(statement, Insert):
            return self._insert_of_tenant(statement)
        if isinstance(statement, Update):
            self._keep_tenant(statement._values or {})  # noqa: SLF001 - no public name
        return _enclosed(statement).where(table.c.tenant_id == self._uow.tenant_id)

    def _insert_of_tenant(self, statement: Insert) -> Insert:
        if statement.select is not None:
            raise self._limits.refusal("INSERT FROM SELECT", "read the rows and insert their values")
        self._check_conflict(statement)
        many: list[Any] = [row for group in statement._multi_values for row in group]  # noqa: SLF001 - no public name
        for row in many:
            if _TENANT not in {_name(key) for key in row}:
                raise self._limits.refusal(
                    f"an insert of many rows without {_TENANT}", "set it in each row to ctx.tenant_id"
                )
            self._require_tenant(statement, row)
        if many:
            return statement
        self._require_tenant(statement, statement._values or {})  # noqa: SLF001 - as above
        return statement.values(tenant_id=self._uow.tenant_id)

    def _require_tenant(self, statement: Insert, row: Mapping[Any, Any]) -> None:
        for key, value in row.items():
            given = value.value if type(value) is BindParameter and value.callable is None else value
            # The driver's own class of ids is as good as Python's; any other may compare as it likes.
            known = (UUID, type(self._uow.tenant_id))
            if _name(key) == _TENANT and (type(given) not in known or given != self._uow.tenant_id):
                raise self._limits.refusal(
                    f"{statement.table} with another {_TENANT}", "write rows of ctx.tenant_id only"
                )

    def _check_conflict(self, statement: Insert) -> None:
        """Keep an upsert from reaching a row of another tenant, and from giving one away."""
        clause: Any = statement._post_values_clause  # noqa: SLF001 - no public name
        changed = getattr(clause, "update_values_to_set", None)
        if changed is None:
            return
        self._keep_tenant(dict(changed))
        target = getattr(clause, "inferred_target_elements", None) or ()
        if _TENANT not in {_name(element) for element in target}:
            raise self._limits.refusal(
                f"ON CONFLICT DO UPDATE without {_TENANT}",
                f"name the key in index_elements, {_TENANT} among it",
            )

    def _keep_tenant(self, keys: Iterable[Any]) -> None:
        if _TENANT in {_name(key) for key in keys}:
            raise self._limits.refusal(f"a new value for {_TENANT}", "leave it out; rows stay with their tenant")


def _limited(statement: Select[Any] | CompoundSelect[Any], most: int) -> Select[Any] | CompoundSelect[Any]:
    """Return the statement with at most so many rows; one that has a smaller limit, or FETCH, is left as it is."""
    given: Any = statement._limit_clause  # noqa: SLF001 - no public name
    wide = given is None or (isinstance(given, BindParameter) and isinstance(given.value, int) and given.value > most)
    return statement.limit(most) if wide and statement._fetch_clause is None else statement  # noqa: SLF001 - as above


def _has_one_tenant(table: Table) -> bool:
    """Tell whether a table calls the column of its tenant by its name, and no other column."""
    known = table.c.tenant_id
    others = [name for each in table.c if each is not known for name in (_name(each.key), _name(each))]
    return str(known.name) == _TENANT and _TENANT not in others


def _enclosed(statement: Update | Delete) -> Any:
    """Return the statement with each condition in brackets: SQLAlchemy leaves some open, as in BETWEEN a AND b OR c."""
    enclosed: Any = statement.where()
    enclosed._where_criteria = tuple(map(Grouping, enclosed._where_criteria))  # noqa: SLF001 - no public name
    return enclosed


def _name(key: Any) -> str:
    """Return the name of a column in small letters, for SQLite takes them so."""
    return str(getattr(key, "name", key)).lower()
