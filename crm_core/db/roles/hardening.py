"""What only a superuser can do about this database, and logins that have no rights of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.roles import making
from crm_core.db.roles.dangerous import FUNCTIONS, GRANTED, LANGUAGES
from crm_core.db.roles.names import quoted
from crm_core.db.roles.session import acting_as, in_use, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from crm_core.db.roles.names import Roles

__all__ = ["create_login", "harden"]

_IS_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = session_user"
_DATABASE = "SELECT quote_ident(current_database())"
_OTHER_RIGHTS = sa.text("""
SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication
    OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid
               WHERE m.member = r.oid AND o.rolname <> :app)
    OR EXISTS (SELECT FROM pg_shdepend d WHERE d.refobjid = r.oid AND d.deptype = 'o')
FROM pg_roles r WHERE r.rolname = :name
""")
_ROUNDS = 4096


def harden(connection: Connection) -> bool:
    """Take from everybody what a plugin could do harm with; False where the login is no superuser.

    Functions and languages are taken away in this database only. The core keeps those it needs itself.
    """
    roles = _roles(connection)
    with acting_as(connection, None):
        if not connection.exec_driver_sql(_IS_SUPERUSER).scalar():
            return False
        run(connection, *_revokes(connection, roles))
    return True


def create_login(connection: Connection, name: str, password: str) -> None:
    """Make a login for the server: it can act as the application role, and has no rights besides.

    A login made before gets the new password. The server never sees the password itself.
    """
    roles = _roles(connection)
    if not (password and password.isascii() and password.isprintable()):
        message = f"the password of {name}: use letters, digits and signs of ASCII, at least one"
        raise making.RoleError(message, role=name)
    with acting_as(connection, None):
        other = connection.execute(_OTHER_RIGHTS, {"name": name, "app": roles.app}).scalar()
        if other:
            message = f"the role {name} has other rights than those of {roles.app}; choose another name for the login"
            raise making.RoleError(message, role=name)
        verb = "CREATE" if other is None else "ALTER"
        run(connection, f"{verb} ROLE {quoted(name)} LOGIN NOINHERIT PASSWORD '{_verifier(password)}'")
        making.join(connection, roles.app, name)
        database = connection.exec_driver_sql(_DATABASE).scalar_one()
        run(connection, f"GRANT CONNECT ON DATABASE {database} TO {quoted(name)}")


def _roles(connection: Connection) -> Roles:
    roles = in_use(connection)
    if roles is None:
        message = "this database uses no roles; run crm migrate with a login that may create roles (CREATEROLE) first"
        raise making.RoleError(message)
    return roles


def _revokes(connection: Connection, roles: Roles) -> Iterator[str]:
    own = f"{quoted(roles.app)}, {quoted(roles.owner)}"
    for function in connection.exec_driver_sql(FUNCTIONS).scalars().all():
        yield f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC"
    for function in GRANTED:
        yield f"GRANT EXECUTE ON FUNCTION {function} TO {own}"
    for language in connection.exec_driver_sql(LANGUAGES).scalars().all():
        yield f"REVOKE USAGE ON LANGUAGE {language} FROM PUBLIC"
        yield f"GRANT USAGE ON LANGUAGE {language} TO {quoted(roles.owner)}"
    database = connection.exec_driver_sql(_DATABASE).scalar_one()
    yield f"REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"


def _verifier(password: str) -> str:
    """Return what the server keeps of a password (SCRAM-SHA-256, RFC 5803), so that no log of it can show more."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    client, server = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    text = [base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client).digest(), server)]
    return f"SCRAM-SHA-256${_ROUNDS}:{text[0]}${text[1]}:{text[2]}"
