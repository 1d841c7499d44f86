"""Making roles and memberships, also while others on the same server make the same ones."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.roles.names import quoted
from crm_core.db.roles.session import sqlstate
from crm_core.errors import CrmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

__all__ = ["RoleError", "is_there", "join", "make", "may_make_roles", "owner_of_schema", "passing_over"]

# Since PostgreSQL 16 a membership says whether it is inherited; before, the member says it for all of its own.
_MEMBERSHIPS_HAVE_OPTIONS = (16,)
# The role is there already: seen at once, or after waiting for whoever made it.
_ALREADY = {"42710", "23505"}
# Two wanted the same: `tuple concurrently updated` means that the other has just done it.
_DONE_BY_ANOTHER = {*_ALREADY, "XX000"}

_MAY_MAKE = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user"
_ROLE = sa.text("""
SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication
FROM pg_roles WHERE rolname = :role
""")
_MEMBER = """
SELECT count(*) FROM pg_auth_members m
JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles o ON o.oid = m.member
WHERE r.rolname = :role AND o.rolname = :member
"""
_SCHEMA_OWNER = sa.text("SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = :schema")


class RoleError(CrmError):
    """Roles of the database are not what they must be; names the role and what to do."""

    code = "role_error"
    status = 500


def may_make_roles(connection: Connection) -> bool:
    """Tell whether the login may create roles."""
    return bool(connection.exec_driver_sql(_MAY_MAKE).scalar())


def make(connection: Connection, role: str) -> None:
    """Make a role that nobody logs in as, unless it is there; refuse one that has rights of another kind."""
    powers = connection.execute(_ROLE, {"role": role}).scalar()
    if powers is None:
        with passing_over(connection, _ALREADY):
            connection.exec_driver_sql(f"CREATE ROLE {quoted(role)} NOLOGIN NOINHERIT")
    elif powers:
        message = (
            f"the role {role} may log in or has rights over the whole server, so it is not crm-core's;"
            " rename it, or set CRM_ROLE_PREFIX to a prefix of this installation's own"
        )
        raise RoleError(message, role=role)


def is_there(connection: Connection, role: str) -> bool:
    """Tell whether there is a role of that name."""
    return connection.execute(_ROLE, {"role": role}).scalar() is not None


def join(connection: Connection, role: str, member: str, *, inherit: bool = False) -> None:
    """Let a member act as a role by SET ROLE; with ``inherit`` it has the role's rights without that, too."""
    options, query = "", _MEMBER
    if connection.dialect.server_version_info >= _MEMBERSHIPS_HAVE_OPTIONS:  # type: ignore[operator]
        options = f" WITH INHERIT {'TRUE' if inherit else 'FALSE'}, SET TRUE"
        query += " AND m.set_option"
    if not connection.execute(sa.text(query), {"role": role, "member": member}).scalar():
        with passing_over(connection, _DONE_BY_ANOTHER):
            connection.exec_driver_sql(f"GRANT {quoted(role)} TO {quoted(member)}{options}")


def owner_of_schema(connection: Connection, schema: str) -> str | None:
    """Return the role that owns a schema; None if there is no such schema."""
    owner: str | None = connection.execute(_SCHEMA_OWNER, {"schema": schema}).scalar()
    return owner


@contextmanager
def passing_over(connection: Connection, states: set[str]) -> Iterator[None]:
    """Run what is inside in a savepoint, and go on without it where it fails with one of these codes."""
    try:
        with connection.begin_nested():
            yield
    except sa.exc.DBAPIError as error:
        if sqlstate(error) not in states:
            raise
