"""Giving core and platform to roles: who owns them, who writes their rows, and who else may do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.roles import making, plugins
from crm_core.db.roles.names import Roles, quoted
from crm_core.db.roles.session import acting_as, in_use, may_become, run, sqlstate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

__all__ = ["provision"]

_SCHEMAS = ("core", "plat")
_ROWS = "SELECT, INSERT, UPDATE, DELETE"
# What has happened is added to and never changed.
_APPENDED = ("core.audit_event", "core.audit_seal")
_ANALYZE = "plat.analyze(regclass)"
_VERSIONS = ("core.alembic_version", "plat.alembic_version")
_NOT_ALLOWED = "42501"

# Indexes and the sequences of columns follow their table.
_OBJECTS = sa.text("""
SELECT format('ALTER %s %I.%I OWNER TO %I',
       CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
       n.nspname, c.relname, CAST(:owner AS text))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (:schemas) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  AND pg_get_userbyid(c.relowner) <> CAST(:owner AS text)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass)
UNION ALL
SELECT format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, CAST(:owner AS text))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY (:schemas) AND pg_get_userbyid(p.proowner) <> CAST(:owner AS text)
ORDER BY 1
""")
_HAS_DATABASE = """
SELECT pg_has_role(current_user, datdba, 'USAGE'), quote_ident(datname)
FROM pg_database WHERE datname = current_database()
"""
_HAS_PUBLIC = "SELECT pg_has_role(current_user, nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'"
_PLUGINS = "SELECT id FROM plat.plugin p WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'plg_' || p.id)"


def provision(connection: Connection, prefix: str) -> Roles | None:
    """Make the roles of a migrated database and give them what is theirs; everything done before stays as it is.

    Returns None where the login may not make roles and there are none: everything belongs to the login then.
    """
    if connection.dialect.name != "postgresql":
        return None
    roles = in_use(connection) or Roles(prefix)
    with acting_as(connection, None):
        if making.may_make_roles(connection):
            if not _made(connection, roles):
                return None
            _give(connection, roles)
        elif in_use(connection) is None:
            return None
        _close_to_the_public(connection, roles)
    with acting_as(connection, roles.owner):
        run(connection, *_grants(roles))
        installed = connection.exec_driver_sql(_PLUGINS).scalars().all()
    for plugin in installed:
        plugins.admit(connection, plugin)
        plugins.adopt(connection, plugin)
        plugins.share(connection, plugin)
    return roles


def _made(connection: Connection, roles: Roles) -> bool:
    """Make both roles and let the login, and whoever owned the core before, act as them."""
    login: str = connection.exec_driver_sql("SELECT session_user::text").scalar_one()
    former = making.owner_of_schema(connection, "core")
    try:
        with connection.begin_nested():
            for role in (roles.owner, roles.app):
                making.make(connection, role)
                for member in sorted({login, former or login} - {roles.owner}):
                    if member != login or not may_become(connection, role):
                        making.join(connection, role, member, inherit=True)
    except sa.exc.DBAPIError as error:
        # The roles are there, but of somebody else's making, who has not admitted this login to them.
        if sqlstate(error) != _NOT_ALLOWED:
            raise
        return False
    return True


def _give(connection: Connection, roles: Roles) -> None:
    for schema in _SCHEMAS:
        if making.owner_of_schema(connection, schema) != roles.owner:
            run(connection, f"ALTER SCHEMA {schema} OWNER TO {quoted(roles.owner)}")
    values = {"owner": roles.owner, "schemas": list(_SCHEMAS)}
    run(connection, *connection.execute(_OBJECTS, values).scalars().all())


def _close_to_the_public(connection: Connection, roles: Roles) -> None:
    """Let nobody make anything of their own in this database, as far as it is the login's."""
    mine, name = connection.exec_driver_sql(_HAS_DATABASE).one()
    if mine:
        run(
            connection,
            f"REVOKE CREATE, TEMPORARY ON DATABASE {name} FROM PUBLIC",
            f"GRANT CREATE ON DATABASE {name} TO {quoted(roles.owner)}",
        )
    if connection.exec_driver_sql(_HAS_PUBLIC).scalar():
        run(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def _grants(roles: Roles) -> Iterable[str]:
    app = quoted(roles.app)
    for schema in _SCHEMAS:
        yield f"GRANT USAGE ON SCHEMA {schema} TO {app}"
        yield f"GRANT {_ROWS} ON ALL TABLES IN SCHEMA {schema} TO {app}"
        yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {app}"
        # For what later migrations make.
        yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {_ROWS} ON TABLES TO {app}"
        yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {app}"
    yield f"GRANT EXECUTE ON FUNCTION {_ANALYZE} TO {app}"
    yield f"REVOKE UPDATE, DELETE ON {', '.join(_APPENDED)} FROM {app}"
    yield f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(_VERSIONS)} FROM {app}"
