"""A plugin's own namespace: its tables as the database has them, made, read and dropped by the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.names import plugin_schema, sqlite_schema_prefix
from crm_core.db.roles import plugins as roles
from crm_core.errors import PluginError
from crm_core.plugin_host.fields import side_table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from plugin_sdk import Manifest

schema_of = plugin_schema

# The catalog itself: SQLAlchemy's inspector cannot read columns with a collation where JSON stays text.
_COLUMNS = sa.text(
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
    "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = :schema AND c.relname = :name AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)


def tables(connection: Connection, plugin: str) -> list[str]:
    """Return the tables that exist in a plugin's namespace, without its version table, by their declared names."""
    schema = plugin_schema(plugin)
    inspector = sa.inspect(connection)
    if connection.dialect.name == "postgresql":
        names = inspector.get_table_names(schema=schema) if inspector.has_schema(schema) else []
    else:
        prefix = sqlite_schema_prefix(schema)
        found = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).scalars()
        names = [name.removeprefix(prefix) for name in found if name.startswith(prefix)]
    return sorted(name for name in names if name != "alembic_version")


def columns(connection: Connection, plugin: str, table: str) -> dict[str, str]:
    """Return the columns of one of a plugin's tables with their database types."""
    schema = plugin_schema(plugin)
    if connection.dialect.name == "postgresql":
        return {name: kind.upper() for name, kind in connection.execute(_COLUMNS, {"schema": schema, "name": table})}
    name = sqlite_schema_prefix(schema) + table
    rows = connection.exec_driver_sql(f'PRAGMA table_info("{name}")').all()
    return {row[1]: row[2] for row in rows}


def sync_fields(connection: Connection, manifest: Manifest) -> None:
    """Make the side tables fit the declared fields: missing tables and columns are added, none is dropped."""
    for record_type in sorted({spec.record_type for spec in manifest.fields if not spec.computed}):
        specs = [spec for spec in manifest.fields if spec.record_type == record_type and not spec.computed]
        wanted = side_table(manifest.id, record_type, specs)
        if str(wanted.name) not in tables(connection, manifest.id):
            connection.execute(sa.schema.CreateTable(wanted))
            for index in sorted(wanted.indexes, key=lambda each: str(each.name)):
                connection.execute(sa.schema.CreateIndex(index))
        else:
            _require_of_the_core(connection, manifest, str(wanted.name))
            _add_columns(connection, manifest, wanted)


def admit(connection: Connection, plugin: str) -> None:
    """Make the plugin's namespace where the database has any, and the roles it is kept by."""
    roles.admit(connection, plugin)


def protect(connection: Connection, plugin: str) -> None:
    """Let PostgreSQL itself keep tenants apart in every table of the plugin, and give each to whom it serves."""
    if connection.dialect.name != "postgresql":
        return
    for name in tables(connection, plugin):
        if "tenant_id" in columns(connection, plugin, name):
            roles.isolate(connection, plugin, name)
    roles.share(connection, plugin)


def parents_first(connection: Connection, plugin: str) -> list[str]:
    """Return the plugin's tables, each after those of its own that it refers to."""
    there = tables(connection, plugin)
    needs = {name: _referred(connection, plugin, name) & set(there) - {name} for name in there}
    order: list[str] = []
    while needs:
        # A circle of references leaves nobody to begin with; then the names decide.
        ready = next((name for name, others in needs.items() if not others & needs.keys()), next(iter(needs)))
        order.append(ready)
        del needs[ready]
    return order


def _referred(connection: Connection, plugin: str, table: str) -> set[str]:
    schema = plugin_schema(plugin)
    if connection.dialect.name == "postgresql":
        keys = sa.inspect(connection).get_foreign_keys(table, schema=schema)
        return {key["referred_table"] for key in keys if key["referred_schema"] == schema}
    prefix = sqlite_schema_prefix(schema)
    rows = connection.exec_driver_sql(f'PRAGMA foreign_key_list("{prefix}{table}")').all()
    return {row[2].removeprefix(prefix) for row in rows if row[2].startswith(prefix)}


def drop(connection: Connection, plugin: str) -> None:
    """Drop everything in the plugin's namespace; nothing outside it can depend on it."""
    if connection.dialect.name == "postgresql":
        roles.expel(connection, plugin)
        return
    prefix = sqlite_schema_prefix(plugin_schema(plugin))
    views = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'view'").scalars().all()
    for name in views:
        if name.startswith(prefix):
            connection.exec_driver_sql(f'DROP VIEW "{name}"')
    for name in [*reversed(parents_first(connection, plugin)), "alembic_version"]:
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{prefix}{name}"')


def _require_of_the_core(connection: Connection, manifest: Manifest, table: str) -> None:
    """Raise if the plugin has made the table itself: the core reads and writes no table that can hold a trap."""
    if connection.dialect.name == "postgresql" and not roles.of_the_core(connection, manifest.id, table):
        message = (
            f"{manifest.label}: its migrations make the table {table}, which is the core's to make for declared"
            " fields; give it another name"
        )
        raise PluginError(message, plugin=manifest.label)


def _add_columns(connection: Connection, manifest: Manifest, wanted: sa.Table) -> None:
    there = columns(connection, manifest.id, str(wanted.name))
    compiler = connection.dialect.ddl_compiler(connection.dialect, None)  # type: ignore[arg-type]
    for column in wanted.columns:
        if column.name in there:
            continue
        if not column.nullable:
            message = f"{manifest.label}: field {column.name} cannot be added as required"
            raise PluginError(message, plugin=manifest.label)
        spec = compiler.get_column_specification(column)
        connection.exec_driver_sql(f"ALTER TABLE {wanted.fullname} ADD COLUMN {spec}")
    there_now = _indexes(connection, manifest.id, str(wanted.name))
    for index in sorted(wanted.indexes, key=lambda each: str(each.name)):
        if index.name not in there_now:
            connection.execute(sa.schema.CreateIndex(index))


def _indexes(connection: Connection, plugin: str, table: str) -> set[str | None]:
    schema = plugin_schema(plugin)
    if connection.dialect.name == "postgresql":
        return {index["name"] for index in sa.inspect(connection).get_indexes(table, schema=schema)}
    prefix = sqlite_schema_prefix(schema)
    rows = connection.exec_driver_sql(f'PRAGMA index_list("{prefix}{table}")').all()
    return {row[1].removeprefix(prefix) for row in rows}
