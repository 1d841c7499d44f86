"""``crm harden``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import ExitCode, fail, show
from crm_core.cli.session import AsJson, Database, operator, require_migrated, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from crm_core.db.roles import Wall

_PASSWORD = "CRM_LOGIN_PASSWORD"  # noqa: S105 - where it is read from


def harden(
    login: Annotated[
        str | None,
        typer.Option(help="Make this login for the server, with no rights of its own, or give it a new password."),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Put up the walls of PostgreSQL that need a superuser, whose URL is given; a login's password is shown once.

    The password is that in CRM_LOGIN_PASSWORD, or a new one.
    """
    from crm_core.db.migrate import in_transaction
    from crm_core.db.roles import RoleError
    from crm_core.errors import CrmError
    from crm_core.plugin_host.fingerprint import before_migration, keep_migrated

    settings = settings_for(database)
    if not settings.database_url.startswith("postgresql"):
        fail("SQLite has no roles to keep plugins apart; give the URL of a PostgreSQL database", ExitCode.USAGE)
    password = _password() if login else ""

    def work(connection: Connection) -> tuple[bool, list[Wall]]:
        return _hardened(connection, settings.role_prefix, login, password)

    try:
        require_migrated(settings)
        before = before_migration(settings.database_url)
        by_superuser, walls = in_transaction(settings.database_url, work)
        keep_migrated(settings.database_url, operator(), before)
    except RoleError as error:
        fail(error.message, ExitCode.ENVIRONMENT)
    except CrmError as error:
        fail(error.message)
    made = {"login": login, "password": password} if login else {}
    value: dict[str, Any] = {"superuser": by_superuser, "walls": [wall._asdict() for wall in walls], **made}
    show(value, _text(walls, login, password, by_superuser=by_superuser), as_json=as_json)


def _hardened(connection: Connection, prefix: str, login: str | None, password: str) -> tuple[bool, list[Wall]]:
    from crm_core.db import roles

    roles.provision(connection, prefix)
    by_superuser = roles.harden(connection)
    if login:
        roles.create_login(connection, login, password)
    return by_superuser, roles.walls(connection)


def _password() -> str:
    import os
    import secrets

    return os.environ.get(_PASSWORD) or secrets.token_urlsafe(24)


def _text(walls: Iterable[Wall], login: str | None, password: str, *, by_superuser: bool) -> str:
    lines = [f"{'stands ' if wall.standing else 'missing'}  {wall.name}: {wall.sentence}" for wall in walls]
    if not by_superuser:
        lines.append("functions and languages are revoked only by a superuser: run crm harden with such a login's URL")
    if login:
        lines.append(f"login {login} for the server's URL, its password shown only now: {password}")
    return "\n".join(lines)
