"""Which roles a database uses, and acting as one of them for a while."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.db.roles.names import Roles, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

__all__ = ["AT_CONNECT", "acting_as", "as_plugin_owner", "driver_text", "in_use", "may_become", "run", "sqlstate"]

# Being a member was the right to SET ROLE until PostgreSQL 16 made that a right of its own.
_HAS = "CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END"
_MAY_BECOME = sa.text(f"SELECT pg_has_role(session_user, r.oid, {_HAS}) FROM pg_roles r WHERE r.rolname = :role")  # noqa: S608 - written above
# The database itself tells: by who owns the core once `crm migrate` has given it away.
_OWNED = """
FROM pg_namespace n
JOIN pg_roles o ON o.oid = n.nspowner JOIN pg_roles a ON a.rolname = left(o.rolname, -6) || '_app'
WHERE n.nspname = 'core' AND right(o.rolname, 6) = '_owner' AND NOT o.rolcanlogin AND NOT a.rolcanlogin
"""
_IN_USE = f"SELECT left(o.rolname, -6)::text {_OWNED}"
AT_CONNECT = f"SELECT left(o.rolname, -6)::text, pg_has_role(session_user, a.oid, {_HAS}), session_user::text {_OWNED}"
"""The prefix of the roles in use, whether the login may act as the application role, and the login; or nothing."""


def in_use(connection: Connection) -> Roles | None:
    """Return the roles that core and platform of this database belong to; None without (SQLite has none)."""
    if connection.dialect.name != "postgresql":
        return None
    prefix = connection.exec_driver_sql(_IN_USE).scalar()
    return None if prefix is None else Roles(prefix)


def may_become(connection: Connection, role: str) -> bool:
    """Tell whether the login may act as a role."""
    return bool(connection.execute(_MAY_BECOME, {"role": role}).scalar())


@contextmanager
def acting_as(connection: Connection, role: str | None) -> Iterator[None]:
    """Run what is inside as a role, or as the login itself for None, and go back to the role from before.

    After an error the transaction may have failed; then a savepoint or its end brings the role back.
    """
    before = connection.exec_driver_sql("SELECT current_setting('role')").scalar()
    _set_role(connection, role)
    try:
        yield
    except BaseException:
        with suppress(sa.exc.SQLAlchemyError):
            _set_role(connection, before)
        raise
    _set_role(connection, before)


@contextmanager
def as_plugin_owner(connection: Connection, plugin: str) -> Iterator[None]:
    """Run what is inside with the rights a plugin's migrations have: over its own tables, and nothing else.

    Where no roles are in use it runs with the rights there are.
    """
    roles = in_use(connection)
    if roles is None:
        yield
        return
    with acting_as(connection, roles.plugin_owner(plugin)):
        yield
        # What the plugin's tables have put off until the end must not happen with the core's rights.
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")


def run(connection: Connection, *statements: str) -> None:
    """Run statements without values, one after the other."""
    for statement in statements:
        # Not to be searched for parameters: a name may have a colon or a percent sign.
        connection.exec_driver_sql(statement)


def driver_text(error: BaseException) -> str:
    """Return what the database itself said, whatever it is wrapped in."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, sa.exc.DBAPIError) and seen.orig is not None:
            return str(seen.orig.__cause__ or seen.orig)
        seen = seen.__cause__
    return str(error)


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code of a failure, whatever it is wrapped in."""
    seen: Any = error
    while seen is not None:
        state = getattr(seen, "sqlstate", None) or getattr(getattr(seen, "orig", None), "sqlstate", None)
        if isinstance(state, str):
            return state
        seen = seen.__cause__
    return None


def _set_role(connection: Connection, role: str | None) -> None:
    name = "NONE" if role is None or role == "none" else quoted(role)
    connection.exec_driver_sql(f"SET LOCAL ROLE {name}")
