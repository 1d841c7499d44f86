"""The compiler behind ``ctx.sql``: it renders only what a plugin may say, and keeps every table to one tenant.

The checks sit where text is made, so that nothing reaches the database past them: a table in a subquery, a
CTE, an alias, a join or a value goes through the same door. What becomes text without being a name, a value
or a known operator is refused.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Uuid, bindparam
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from crm_core.db.names import sqlite_text
from crm_core.db.statements import SQLITE, Prepared, Statement
from crm_core.plugin_api import core_tables
from crm_core.plugin_api.driver_types import ON_POSTGRES, ON_SQLITE
from plugin_sdk import NotAllowed

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Executable
    from sqlalchemy.engine import Dialect

    from crm_core.db.rights import PluginRights

_FUNCTIONS = frozenset(
    [
        "abs",
        "avg",
        "ceil",
        "char_length",
        "coalesce",
        "concat",
        "count",
        "cume_dist",
        "current_date",
        "current_timestamp",
        "dense_rank",
        "first_value",
        "floor",
        "greatest",
        "lag",
        "last_value",
        "lead",
        "least",
        "length",
        "localtimestamp",
        "lower",
        "ltrim",
        "max",
        "min",
        "mod",
        "now",
        "nth_value",
        "ntile",
        "nullif",
        "percent_rank",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "substr",
        "substring",
        "sum",
        "trim",
        "upper",
    ]
)
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
# The last is what SQLAlchemy itself writes for startswith, endswith and contains.
_LITERAL_COLUMN = re.compile(r"\*|[0-9]+|'%'", re.ASCII)
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|?]{1,3}")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*(\([0-9]+(, ?[0-9]+)?\))?( WITH(OUT)? TIME ZONE)?(\[\])?", re.ASCII)
_VERSION_TABLE = "alembic_version"
_FIELDS_SUFFIX = "_fields"


@dataclass(frozen=True, slots=True)
class Limits:
    """Whose statement it is: the plugin's namespace, what it may read of the core, the tenant it is kept to."""

    label: str
    schema: str
    tenant: BindParameter[Any]
    core_tables: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rights: PluginRights, tenant_id: UUID) -> Limits:
        """Return the limits of a plugin with these rights in an operation of one tenant."""
        # Unique: a plugin's own parameter of that name must not become the tenant.
        tenant = bindparam("crm_tenant_of_plugin", tenant_id, Uuid(), unique=True)
        return cls(rights.label, rights.schema, tenant, rights.core_tables)

    def refusal(self, what: str, supported: str) -> NotAllowed:
        """Return the error that names plugin, what it may not use, and what to do instead."""
        return NotAllowed(f"plugin {self.label} may not use {what} in ctx.sql; {supported}")

    def require(self, table: Any, *, write: bool = False) -> None:
        """Raise unless a table is one the plugin may read, or write."""
        name, schema = str(table.name), getattr(table, "schema", None)
        if core_tables.is_core(table):
            core_tables.require_readable(name, self.core_tables, self.refusal, write=write)
            return
        if schema != self.schema:
            raise self.refusal(
                f"{schema}.{name}" if schema else name,
                "there are own tables and, with the capability core:read, those of core records",
            )
        if name == _VERSION_TABLE or not _NAME.fullmatch(name):
            raise self.refusal(f"{schema}.{name}", "the plugin host keeps it; use the tables of the manifest")
        if write and name.endswith(_FIELDS_SUFFIX):
            raise self.refusal(f"{schema}.{name} for writing", "set fields through ctx.fields, which audits them")


class _Checks:
    """Overrides of SQLAlchemy's statement compilers."""

    dialect: Any
    preparer: Any
    process: Any
    stack: list[Any]

    @property
    def _limits(self) -> Limits:
        limits: Limits = self.dialect.limits
        return limits

    def visit_table(self, table: Any, asfrom: bool = False, iscrud: bool = False, **kw: Any) -> str:  # noqa: FBT001, FBT002 - SQLAlchemy's signature
        """Render a table as the rows of it that belong to the tenant."""
        text: str = super().visit_table(table, asfrom=asfrom, iscrud=iscrud, **kw)  # type: ignore[misc]
        if text:
            self._limits.require(table, write=iscrud)
        if not asfrom or iscrud:
            return text
        rows = f"(SELECT {self._selected(table)} FROM {text} WHERE tenant_id = {self.process(self._limits.tenant)})"  # noqa: S608 - compiled
        alias = kw.get("enclosing_alias")
        return rows if alias is not None and alias.element is table else f"{rows} AS {self._as_alias(text, table)}"

    def _selected(self, table: Any) -> str:
        if not core_tables.is_core(table):
            return "*"
        quote, on_sqlite = self.preparer.quote, self.dialect.name == "sqlite"
        return core_tables.selected(table, quote, self._limits.refusal, on_sqlite=on_sqlite)

    def _as_alias(self, text: str, table: Any) -> str:
        """Return text that begins with a table's name with that of its rows; SQLite's prefix is part of the name."""
        if self.dialect.name == "sqlite":
            return text
        if core_tables.is_core(table):
            return core_tables.alias_of(text, table)
        return text.removeprefix(f"{self._limits.schema}.")

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> str:
        """Render a column of a table; text in its place is refused."""
        if column.is_literal and not _LITERAL_COLUMN.fullmatch(str(column.name)):
            raise self._limits.refusal("literal_column", "name a column of a table, or bind the value")
        return self._as_alias(super().visit_column(column, *args, **kw), column.table)  # type: ignore[misc]

    def for_update_clause(self, select: Any, **kw: Any) -> str:
        """Render what a SELECT locks, which is never a core table."""
        if core_tables.locks_core(select):
            raise self._limits.refusal("a lock on core tables", "lock rows of own tables: with_for_update(of=<table>)")
        return str(super().for_update_clause(select, **kw))  # type: ignore[misc]

    def visit_function(self, func: Any, *args: Any, **kw: Any) -> str:
        """Render a function that computes from its arguments alone."""
        if func.name.lower() not in _FUNCTIONS or getattr(func, "packagenames", None):
            raise self._limits.refusal(f"the function {func.name}", f"there are {', '.join(sorted(_FUNCTIONS))}")
        return str(super().visit_function(func, *args, **kw))  # type: ignore[misc]

    def visit_extract(self, extract: Any, **kw: Any) -> str:
        """Render a part of a date."""
        if not _NAME.fullmatch(str(extract.field)):
            raise self._limits.refusal(f"extract({extract.field!r})", "name a part of a date, such as year")
        return str(super().visit_extract(extract, **kw))  # type: ignore[misc]

    def _symbol(self, operator: Any) -> None:
        if not _OPERATOR.fullmatch(operator.opstring) or "--" in operator.opstring or "/*" in operator.opstring:
            raise self._limits.refusal(f"the operator {operator.opstring!r}", "use SQLAlchemy's own operators")

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        """Render an operator that is a symbol."""
        self._symbol(operator)
        return str(super().visit_custom_op_binary(element, operator, **kw))  # type: ignore[misc]

    def visit_custom_op_unary_operator(self, element: Any, operator: Any, **kw: Any) -> str:
        """Render an operator that is a symbol."""
        self._symbol(operator)
        return str(super().visit_custom_op_unary_operator(element, operator, **kw))  # type: ignore[misc]

    def visit_custom_op_unary_modifier(self, element: Any, operator: Any, **kw: Any) -> str:
        """Render an operator that is a symbol."""
        self._symbol(operator)
        return str(super().visit_custom_op_unary_modifier(element, operator, **kw))  # type: ignore[misc]

    def _textual(self, *_args: Any, **_kw: Any) -> str:
        raise self._limits.refusal("textual SQL", "build the statement with SQLAlchemy's constructs")

    visit_textclause = visit_textual_select = visit_tstring = _textual
    format_from_hint_text = get_statement_hint_text = _textual

    def visit_sequence(self, *_args: Any, **_kw: Any) -> str:
        """Refuse sequences: they belong to no tenant."""
        raise self._limits.refusal("a sequence", "make ids in Python")

    def visit_insert(self, insert: Any, *args: Any, **kw: Any) -> str:
        """Render an INSERT that is the whole statement."""
        self._limits.require(insert.table, write=True)
        self._outermost()
        return str(super().visit_insert(insert, *args, **kw))  # type: ignore[misc]

    def visit_update(self, update: Any, *args: Any, **kw: Any) -> str:
        """Render an UPDATE that is the whole statement."""
        self._outermost()
        return str(super().visit_update(update, *args, **kw))  # type: ignore[misc]

    def visit_delete(self, delete: Any, *args: Any, **kw: Any) -> str:
        """Render a DELETE that is the whole statement."""
        self._outermost()
        return str(super().visit_delete(delete, *args, **kw))  # type: ignore[misc]

    def _outermost(self) -> None:
        if self.stack:
            raise self._limits.refusal("a write inside another statement", "run it with ctx.sql.execute")


class _CheckedNames:
    """Quotes names by their letters alone: nobody can ask for a name to be left as it is."""

    def quote(self, ident: str) -> str:
        """Quote a name where it needs it."""
        plain = "".join(ident) if getattr(ident, "quote", None) is False else ident
        return str(super().quote(plain))  # type: ignore[misc]


class _CheckedTypes:
    """Renders types that look like types: some take their arguments as text."""

    def process(self, type_: Any, **kw: Any) -> str:
        """Render a type for a cast."""
        text = str(super().process(type_, **kw))  # type: ignore[misc]
        if not _TYPE.fullmatch(text):
            message = f"the type {text!r} may not be used in ctx.sql; use SQLAlchemy's own types"
            raise NotAllowed(message)
        return text


def _checked(dialect: Dialect) -> Dialect:
    kind: Any = type(dialect)
    names = {
        "statement_compiler": type("_Compiler", (_Checks, kind.statement_compiler), {}),
        "preparer": type("_Names", (_CheckedNames, kind.preparer), {}),
        "type_compiler_cls": type("_Types", (_CheckedTypes, kind.type_compiler_cls), {}),
        "colspecs": {**kind.colspecs, **(ON_SQLITE if dialect is SQLITE else ON_POSTGRES)},
        "supports_statement_cache": False,
    }
    made: Dialect = type("_Dialect", (kind,), names)(**({"paramstyle": "qmark"} if dialect is SQLITE else {}))
    return made


_DIALECTS = {True: _checked(SQLITE), False: _checked(asyncpg.dialect())}  # type: ignore[no-untyped-call]


# What plugins' statements were compiled to, by namespace, capability, database and SQLAlchemy's own key of their shape.
_compiled: dict[tuple[str, bool, bool, Any], tuple[Any, str, Prepared]] = {}
_MOST_COMPILED = 2048
_LONGEST_KEPT = 20_000


class GuardedStatement(Statement):
    """A plugin's statement, compiled within its limits."""

    __slots__ = ("_limits",)

    def __init__(self, construct: Executable, limits: Limits) -> None:
        """Keep the construct; it is compiled, and refused, at its first use."""
        super().__init__(construct)
        self._limits = limits

    def on(self, dialect: Dialect) -> Prepared:
        """Return the statement compiled for the dialect; raises NotAllowed."""
        prepared = self._prepared.get(id(dialect))
        if prepared is None:
            try:
                prepared = self._known(dialect is SQLITE) or self._compiled(dialect is SQLITE)
            except (SQLAlchemyError, NotImplementedError) as error:
                what = f"a {type(self.construct).__name__} that has no SQL"
                raise self._limits.refusal(what, str(error)) from error
            self._prepared[id(dialect)] = prepared
        return prepared

    def _known(self, on_sqlite: bool) -> Prepared | None:  # noqa: FBT001 - part of a key
        """Return what an equal statement of the plugin was compiled to, with the values of this one."""
        key = self.construct._generate_cache_key()  # type: ignore[attr-defined]  # noqa: SLF001 - no public name
        found = None if key is None else _compiled.get(self._place(on_sqlite, key))
        if found is None:
            return None
        compiled, tenant, prepared = found
        values = compiled.construct_params(extracted_parameters=key.bindparams)
        return prepared.with_values({**values, tenant: self._limits.tenant.value})

    def _compiled(self, on_sqlite: bool) -> Prepared:  # noqa: FBT001 - part of a key
        guarded: Any = copy.copy(_DIALECTS[on_sqlite])
        guarded.limits = self._limits
        key = self.construct._generate_cache_key()  # type: ignore[attr-defined]  # noqa: SLF001 - no public name
        compiled = self.construct.compile(dialect=guarded, cache_key=key)  # type: ignore[attr-defined]
        prepared = Prepared(compiled, guarded)
        if on_sqlite:
            prepared.text = sqlite_text(prepared.text)
        # A list spelled out in the text has as many parameters as it happens to be long.
        plain = not compiled.post_compile_params and not compiled.literal_execute_params
        if key is not None and plain and len(prepared.text) <= _LONGEST_KEPT:
            if len(_compiled) >= _MOST_COMPILED:
                _compiled.clear()
            tenant = compiled.bind_names.get(self._limits.tenant, "")
            _compiled[self._place(on_sqlite, key)] = (compiled, tenant, prepared)
        return prepared

    def _place(self, on_sqlite: bool, key: Any) -> tuple[str, bool, bool, Any]:  # noqa: FBT001 - part of a key
        return self._limits.schema, bool(self._limits.core_tables), on_sqlite, key.key
