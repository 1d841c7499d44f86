"""Which tables are a plugin's own, by the names they have in statements on either database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from crm_core.db.names import plugin_schema, sqlite_schema_prefix
from crm_core.db.sqlite_reflection import logical_name
from crm_core.plugin_host.migrations.refusal import Forbidden
from crm_core.schema import RECORD_TABLES, core

__all__ = ["Names"]

_VERSION_TABLE = "alembic_version"
_CORE_TABLES = frozenset(table.name for table in core.tables.values())
_TAKEN = ("plat_", "plg_", "pg_", "sqlite_")
_FIELD_TABLES = frozenset(f"{record_type}_fields" for record_type in RECORD_TABLES)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one plugin in one kind of database."""

    plugin: str
    dialect: str

    @property
    def on_sqlite(self) -> bool:
        """Tell whether a schema is the beginning of a table's name here."""
        return self.dialect == "sqlite"

    @property
    def schema(self) -> str:
        """The plugin's schema."""
        return plugin_schema(self.plugin)

    def table(self, node: exp.Table) -> str:
        """Return an own table's name inside the namespace, or raise Forbidden for any other table."""
        schema, name = self._of(node)
        if schema == self.schema and name:
            return name
        if not schema:
            raise Forbidden(f"name {name} without its schema", f"write {self.schema}.{name}, or pass schema= to op.*")
        raise Forbidden(
            f"touch {schema}.{name}",
            f"a plugin's migrations work in {self.schema} only; records are read and changed with ctx.api",
        )

    def definable(self, node: exp.Table) -> str:
        """Return the name of an own table that migrations may make and change, or raise Forbidden."""
        name = self.table(node)
        if name in _FIELD_TABLES:
            raise Forbidden(
                f"make or change {self.schema}.{name}",
                "the core makes that table for the fields declared in the manifest; give yours another name",
            )
        return name

    def is_version_table(self, name: str) -> bool:
        """Tell whether this is the table in which Alembic keeps the plugin's revision."""
        return name == _VERSION_TABLE

    def is_anchor(self, node: exp.Table) -> bool:
        """Tell whether this is the core's anchor of records."""
        return self._of(node) == ("core", "record")

    def inside(self, identifier: exp.Identifier) -> bool:
        """Tell whether an index or a table gets a name that is in the namespace: on SQLite by its beginning."""
        name = self.spelled(identifier)
        return not self.on_sqlite or name.removeprefix(sqlite_schema_prefix(self.schema)) not in {"", name}

    def spelled(self, identifier: exp.Identifier) -> str:
        """Return a name as the database takes it: without quotes it is in lower case, on SQLite always."""
        quoted = identifier.args.get("quoted") and not self.on_sqlite
        return str(identifier.this if quoted else identifier.this.lower())

    def require_free(self, identifier: exp.Identifier) -> None:
        """Raise Forbidden if a query is named like a table: not every part of a statement sees it by that name."""
        name = self.spelled(identifier)
        if name in _CORE_TABLES or name.startswith(_TAKEN):
            raise Forbidden(f"name a query {name}", "use a name that no table has")

    def _of(self, node: exp.Table) -> tuple[str, str]:
        """Return schema and name of a table as both databases would say it."""
        *schema, name = (self.spelled(_identifier(part)) for part in node.parts)
        return logical_name(name) if self.on_sqlite and not schema else (".".join(schema), name)


def _identifier(part: object) -> exp.Identifier:
    if not isinstance(part, exp.Identifier):
        raise Forbidden(f"name a table by {part}", "write its schema and its name")
    return part
