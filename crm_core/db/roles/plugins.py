"""A plugin's roles: made when it is installed, gone when its data is.

Its owner role makes its tables and moves its data; its other role reads and writes their rows. The tables of its
fields are the core's own, because the core reads and writes them: the plugin may only look at them. What a plugin
owns is never touched with the core's rights, for it could hold a trap.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from crm_core.db.names import plugin_schema
from crm_core.db.roles import making
from crm_core.db.roles.names import quoted
from crm_core.db.roles.session import acting_as, as_plugin_owner, driver_text, in_use, run, sqlstate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from crm_core.db.roles.names import Roles

__all__ = ["admit", "adopt", "expel", "grant_core_read", "isolate", "of_the_core", "share"]

_VERSION_TABLE = "alembic_version"
_ROWS = "SELECT, INSERT, UPDATE, DELETE"
_TENANT = "tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid"
_TRIES = 10
_NOT_ALLOWED = "42501"
_NO_SUCH_OBJECT = "42704"
# Another database needs the role, or is just about to; or it is not this login's to drop.
_STILL_NEEDED = {"2BP01", "55P03", _NOT_ALLOWED, _NO_SUCH_OBJECT}

_RELATIONS = sa.text("""
SELECT c.relname::text, pg_get_userbyid(c.relowner)::text, c.relkind = 'S',
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'S')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass)
ORDER BY c.relname
""")
_FIELD_TABLES = sa.text("SELECT DISTINCT record_type || '_fields' FROM core.field_def WHERE plugin = :plugin")
_READABLE = sa.text("""
SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attname)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
     aclexplode(a.attacl) g
WHERE n.nspname = 'core' AND g.grantee = CAST(:role AS regrole) AND g.privilege_type = 'SELECT' GROUP BY c.relname
""")


class _Relation(NamedTuple):
    name: str
    owner: str
    is_sequence: bool
    of_tenants: bool


def admit(connection: Connection, plugin: str) -> None:
    """Make the plugin's schema and, where roles are in use, its roles with their rights on it; SQLite has neither."""
    if connection.dialect.name != "postgresql":
        return
    roles = in_use(connection)
    if roles is None:
        if making.owner_of_schema(connection, plugin_schema(plugin)) is None:
            connection.execute(sa.schema.CreateSchema(plugin_schema(plugin)))
        return
    for _ in range(_TRIES):
        # Uninstalling the plugin from another database may have dropped the roles in between.
        with making.passing_over(connection, {_NO_SUCH_OBJECT}):
            _admit(connection, roles, plugin)
            return
    message = f"the roles of plugin {plugin} vanish again and again: another database is dropping them; try again"
    raise making.RoleError(message, plugin=plugin)


def adopt(connection: Connection, plugin: str) -> None:
    """Give the tables of a plugin that was installed before there were roles to whom they belong now."""
    roles = in_use(connection)
    if roles is None:
        return
    fields = set(connection.execute(_FIELD_TABLES, {"plugin": plugin}).scalars())
    schema, theirs = plugin_schema(plugin), roles.plugin_owner(plugin)
    for each in _relations(connection, plugin):
        if each.owner in {roles.owner, theirs}:
            continue
        wanted = roles.owner if each.name in fields or each.name == _VERSION_TABLE else theirs
        kind = "SEQUENCE" if each.is_sequence else "TABLE"
        with acting_as(connection, None):
            run(connection, f"ALTER {kind} {schema}.{quoted(each.name)} OWNER TO {quoted(wanted)}")
        if each.of_tenants:
            isolate(connection, plugin, each.name)


def share(connection: Connection, plugin: str) -> None:
    """Let the plugin's roles and the core use the tables there are, each as far as they are theirs."""
    roles = in_use(connection)
    if roles is None:
        return
    relations = _relations(connection, plugin)
    with as_plugin_owner(connection, plugin):
        for each in relations:
            if each.owner != roles.owner:
                run(connection, *_shared_by_the_plugin(roles, plugin, each))
    with acting_as(connection, roles.owner):
        for each in relations:
            if each.owner == roles.owner:
                run(connection, *_shared_by_the_core(roles, plugin, each))


def isolate(connection: Connection, plugin: str, table: str) -> None:
    """Put row security by tenant on a table, with the rights of whoever it belongs to.

    The plugin's owner sees the rows of all tenants: its migrations move them, and exports are made as it.
    """
    roles = in_use(connection)
    name = f"{plugin_schema(plugin)}.{quoted(table)}"
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS tenant ON {name}",
        f"CREATE POLICY tenant ON {name} USING ({_TENANT}) WITH CHECK ({_TENANT})",
    ]
    if roles is None:
        run(connection, *statements)
        return
    statements += [
        f"DROP POLICY IF EXISTS maintenance ON {name}",
        f"CREATE POLICY maintenance ON {name} TO {quoted(roles.plugin_owner(plugin))} USING (true) WITH CHECK (true)",
    ]
    owner = next(each.owner for each in _relations(connection, plugin) if each.name == table)
    with acting_as(connection, owner):
        run(connection, *statements)


def of_the_core(connection: Connection, plugin: str, table: str) -> bool:
    """Tell whether a table in the plugin's schema was made by the core and not by a migration of the plugin."""
    roles = in_use(connection)
    return roles is None or any(
        each.name == table and each.owner == roles.owner for each in _relations(connection, plugin)
    )


def grant_core_read(connection: Connection, plugin: str, columns: Mapping[str, Sequence[str]]) -> None:
    """Let the plugin read these columns of the core's tables, and no others of theirs."""
    roles = in_use(connection)
    if roles is None:
        return
    role = quoted(roles.plugin(plugin))
    held: dict[str, list[str]] = dict(tuple(row) for row in connection.execute(_READABLE, {"role": role}))
    statements = [_column_rights("REVOKE", held[name], name, f"FROM {role}") for name in sorted(held)]
    statements += [_column_rights("GRANT", columns[name], name, f"TO {role}") for name in sorted(columns)]
    statements += [f"GRANT USAGE ON SCHEMA core TO {role}" if columns else f"REVOKE USAGE ON SCHEMA core FROM {role}"]
    with acting_as(connection, roles.owner):
        run(connection, *statements)


def expel(connection: Connection, plugin: str) -> None:
    """Drop the plugin's schema with all in it, and its roles unless another database of the server needs them."""
    roles = in_use(connection)
    connection.execute(sa.schema.DropSchema(plugin_schema(plugin), cascade=True, if_exists=True))
    if roles is None:
        return
    # In the order in which they are made, so that two who do both at once cannot wait for each other.
    names = [roles.plugin_owner(plugin), roles.plugin(plugin)]
    there = [role for role in names if making.is_there(connection, role)]
    if there == names:
        grant_core_read(connection, plugin, {})
        run(connection, *_no_rights(roles, plugin))
    with acting_as(connection, None):
        for role in there:
            with making.passing_over(connection, _STILL_NEEDED):
                run(connection, f"DROP ROLE {quoted(role)}")


def _admit(connection: Connection, roles: Roles, plugin: str) -> None:
    schema = plugin_schema(plugin)
    there = making.owner_of_schema(connection, schema)
    members = {roles.plugin_owner(plugin): roles.owner, roles.plugin(plugin): roles.app}
    with acting_as(connection, None), _explained(plugin, members):
        for role in members:
            making.make(connection, role)
        if there is None:
            run(connection, f"CREATE SCHEMA {schema} AUTHORIZATION {quoted(roles.owner)}")
        elif there != roles.owner:
            run(connection, f"ALTER SCHEMA {schema} OWNER TO {quoted(roles.owner)}")
        # Whoever has a right cannot be dropped until this transaction ends; a membership alone would not keep it.
        with acting_as(connection, roles.owner):
            run(connection, *_rights(roles, plugin))
        for role, member in members.items():
            making.join(connection, role, member)


@contextmanager
def _explained(plugin: str, roles: Iterable[str]) -> Iterator[None]:
    """Say what a login without the right to make roles can do."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if sqlstate(error) != _NOT_ALLOWED:
            raise
        message = (
            f"plugin {plugin} needs the database roles {' and '.join(roles)}, which this login may not make or use"
            f" ({driver_text(error)}); use a login that may create roles (CREATEROLE), as crm init did"
        )
        raise making.RoleError(message, plugin=plugin) from error


def _rights(roles: Roles, plugin: str) -> Iterable[str]:
    schema, owner = plugin_schema(plugin), quoted(roles.plugin_owner(plugin))
    yield f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {quoted(roles.plugin(plugin))}, {quoted(roles.app)}"
    # To refer to records, which every plugin may.
    yield f"GRANT USAGE ON SCHEMA core TO {owner}"
    yield f"GRANT REFERENCES (tenant_id, id) ON core.record TO {owner}"


def _no_rights(roles: Roles, plugin: str) -> Iterable[str]:
    owner = quoted(roles.plugin_owner(plugin))
    yield f"REVOKE USAGE ON SCHEMA core FROM {owner}"
    yield f"REVOKE REFERENCES (tenant_id, id) ON core.record FROM {owner}"


def _shared_by_the_plugin(roles: Roles, plugin: str, relation: _Relation) -> Iterable[str]:
    target = _target(plugin, relation)
    yield f"REVOKE ALL ON {target} FROM PUBLIC"
    yield f"GRANT {'USAGE, SELECT' if relation.is_sequence else _ROWS} ON {target} TO {quoted(roles.plugin(plugin))}"


def _shared_by_the_core(roles: Roles, plugin: str, relation: _Relation) -> Iterable[str]:
    target, owner = _target(plugin, relation), quoted(roles.plugin_owner(plugin))
    yield f"GRANT {_ROWS} ON {target} TO {owner}"
    # Alembic's note of what has run is kept by the migrations; everything else is the values of fields.
    if relation.name != _VERSION_TABLE:
        yield f"GRANT {_ROWS} ON {target} TO {quoted(roles.app)}"
        yield f"GRANT SELECT ON {target} TO {quoted(roles.plugin(plugin))}"


def _target(plugin: str, relation: _Relation) -> str:
    return f"{'SEQUENCE ' if relation.is_sequence else ''}{plugin_schema(plugin)}.{quoted(relation.name)}"


def _relations(connection: Connection, plugin: str) -> list[_Relation]:
    rows = connection.execute(_RELATIONS, {"schema": plugin_schema(plugin)}).all()
    return [_Relation(*row) for row in rows]


def _column_rights(verb: str, columns: Iterable[str], table: str, whose: str) -> str:
    names = ", ".join(quoted(column) for column in columns)
    return f"{verb} SELECT ({names}) ON core.{quoted(table)} {whose}"
