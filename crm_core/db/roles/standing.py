"""Which walls between plugins and the core stand on this server, each in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from crm_core.db.names import plugin_schema
from crm_core.db.roles.dangerous import FUNCTIONS, LANGUAGES
from crm_core.db.roles.session import in_use
from crm_core.schema.row_security import OPEN_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

    from crm_core.db.roles.names import Roles

__all__ = ["Wall", "walls"]

_FIRST_WITH_SAFE_TRIGGERS = 18
_NO_ROLES = "no roles are in use: run crm migrate with a login that may create roles (CREATEROLE)"

_VERSION = "SELECT current_setting('server_version_num')::integer / 10000, current_setting('server_version')"
_LOGIN = sa.text("""
SELECT r.rolname::text, concat_ws(', ',
    CASE WHEN r.rolsuper THEN 'is a superuser' END,
    CASE WHEN r.rolcreaterole THEN 'may create roles' END,
    CASE WHEN r.rolbypassrls THEN 'is above row security' END,
    CASE WHEN r.rolinherit THEN 'inherits the rights of its roles (INHERIT)' END,
    CASE WHEN EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database() AND d.datdba = r.oid)
         THEN 'owns the database' END,
    CASE WHEN EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid
                      WHERE m.member = r.oid AND o.rolname <> :app) THEN 'is a member of other roles' END)
FROM pg_roles r WHERE r.rolname = session_user
""")
_PLUGINS = "SELECT id FROM plat.plugin WHERE state <> 'removed' ORDER BY id"
_MAY_CREATE = sa.text("""
SELECT r.rolname::text FROM pg_roles r WHERE r.rolname = ANY (:runtime) AND (
    has_database_privilege(r.oid, current_database(), 'CREATE')
    OR EXISTS (SELECT FROM pg_namespace n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE'))
    OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid))
ORDER BY 1
""")
_THERE = sa.text("SELECT rolname::text FROM pg_roles WHERE rolname = ANY (:names)")
_TEMPORARY = "SELECT has_database_privilege('public', current_database(), 'TEMPORARY')"
_UNPROTECTED = sa.text("""
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relkind IN ('r', 'p') AND (n.nspname IN ('core', 'plat') OR starts_with(n.nspname, 'plg_'))
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND n.nspname || '.' || c.relname <> ALL (:open)
ORDER BY 1
""")


class Wall(NamedTuple):
    """One wall: what it is called, whether it stands here, and what that means."""

    name: str
    standing: bool
    sentence: str


def walls(connection: Connection) -> list[Wall]:
    """Return the walls of a migrated PostgreSQL database, as this connection's login finds them; SQLite has others."""
    if connection.dialect.name != "postgresql":
        return []
    roles = in_use(connection)
    return [
        *_of_roles(connection, roles),
        _languages(connection),
        _functions(connection),
        _temporary(connection),
        _deferred(connection, roles),
        _row_security(connection),
    ]


def _of_roles(connection: Connection, roles: Roles | None) -> Iterator[Wall]:
    if roles is None:
        yield _missing("roles", f"core, platform and plugins share the rights of one login; {_NO_ROLES}")
        yield _missing("login", f"the server's login owns the core's tables; {_NO_ROLES}")
        yield _missing("plugin_roles", f"plugins' statements have the rights of the core; {_NO_ROLES}")
        return
    sentence = f"core and platform belong to {roles.owner}, the server acts as {roles.app}"
    yield _stands("roles", sentence)
    yield _login(connection, roles)
    yield _plugin_roles(connection, roles)


def _login(connection: Connection, roles: Roles) -> Wall:
    name, powers = connection.execute(_LOGIN, {"app": roles.app}).one()
    if not powers:
        return _stands("login", f"the login {name} has no rights but to act as {roles.app}")
    hint = "make one for the server with crm harden --login NAME"
    return _missing("login", f"the login {name} {powers}; {hint}")


def _plugin_roles(connection: Connection, roles: Roles) -> Wall:
    plugins = connection.exec_driver_sql(_PLUGINS).scalars().all()
    runtime = [roles.plugin(each) for each in plugins]
    wanted = {*runtime, *(roles.plugin_owner(each) for each in plugins)}
    gone = wanted - set(connection.execute(_THERE, {"names": sorted(wanted)}).scalars())
    if gone:
        return _missing("plugin_roles", f"missing: {', '.join(sorted(gone))}; run crm migrate")
    powerful = connection.execute(_MAY_CREATE, {"runtime": runtime}).scalars().all()
    if powerful:
        sentence = f"{', '.join(powerful)} may create objects or act as another role; revoke that"
        return _missing("plugin_roles", sentence)
    schemas = ", ".join(plugin_schema(each) for each in plugins) or "none is installed"
    return _stands("plugin_roles", f"each plugin has a role that can make nothing anywhere ({schemas})")


def _languages(connection: Connection) -> Wall:
    there = connection.exec_driver_sql(LANGUAGES).scalars().all()
    return _revoked("languages", there, "functions can be written only by the core's owner", "everybody may write in")


def _functions(connection: Connection) -> Wall:
    there = connection.exec_driver_sql(FUNCTIONS).scalars().all()
    names = sorted({each.removeprefix("pg_catalog.").partition("(")[0] for each in there})
    return _revoked("functions", names, "dangerous functions are revoked from the public", "everybody may call")


def _revoked(name: str, there: Sequence[str], good: str, bad: str) -> Wall:
    shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")  # noqa: PLR2004 - how many a line holds
    return _missing(name, f"{bad} {shown}; run crm harden as a superuser") if there else _stands(name, good)


def _temporary(connection: Connection) -> Wall:
    if connection.exec_driver_sql(_TEMPORARY).scalar():
        return _missing("temporary", "everybody may make temporary tables; run crm migrate as the database's owner")
    return _stands("temporary", "nobody but the database's owner may make temporary tables")


def _deferred(connection: Connection, roles: Roles | None) -> Wall:
    major, version = connection.exec_driver_sql(_VERSION).one()
    if major >= _FIRST_WITH_SAFE_TRIGGERS:
        sentence = f"PostgreSQL {version} runs deferred triggers with the rights of whoever caused them"
        return _stands("deferred_triggers", sentence)
    sentence = (
        f"PostgreSQL {version} runs deferred triggers with the rights at the transaction's end; the core has a"
        " plugin's run before it takes its own rights back"
    )
    return (
        _stands("deferred_triggers", sentence)
        if roles
        else _missing("deferred_triggers", f"{sentence}, but {_NO_ROLES}")
    )


def _row_security(connection: Connection) -> Wall:
    there = connection.execute(_UNPROTECTED, {"open": sorted(OPEN_TABLES)}).scalars().all()
    if there:
        sentence = f"without row security by tenant: {', '.join(there)}; run crm migrate, or reinstall the plugin"
        return _missing("row_security", sentence)
    return _stands("row_security", "every table of tenants is kept apart by tenant")


def _stands(name: str, sentence: str) -> Wall:
    return Wall(name, standing=True, sentence=sentence)


def _missing(name: str, sentence: str) -> Wall:
    return Wall(name, standing=False, sentence=sentence)
