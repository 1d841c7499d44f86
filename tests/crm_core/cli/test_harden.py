from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from tests.support.commands import crm

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer


def test_hardening_puts_up_every_wall_and_makes_a_login(postgres_server: PostgresServer, postgres_url: str) -> None:
    database = postgres_url.partition("?")[0].rpartition("/")[2]
    superuser, name = postgres_server.superuser_url(database), f"crm_login_{secrets.token_hex(6)}"
    text = crm("harden", "--login", name, CRM_DATABASE_URL=superuser, CRM_LOGIN_PASSWORD="chosen")  # noqa: S106 - of this test
    assert "stands   functions: dangerous functions are revoked from the public\n" in text
    assert text.endswith(f"login {name} for the server's URL, its password shown only now: chosen\n")
    made = json.loads(crm("harden", "--login", name, "--json", CRM_DATABASE_URL=superuser, CRM_LOGIN_PASSWORD=""))
    assert (made["superuser"], made["login"], len(made["password"])) == (True, name, 32)
    try:
        url = f"postgresql://{name}:{made['password']}@{postgres_url.partition('@')[2]}"
        assert crm("tenant", "list", CRM_DATABASE_URL=url).split() == ["TENANT", "NAME", "KIND", "TENANT_ID"]
        refusal = crm("migrate", code=1, CRM_DATABASE_URL=url)
        assert "this login may not act as crm_owner, which owns the tables; use the login crm init was run" in refusal
    finally:
        postgres_server.execute(f"DROP DATABASE {database} WITH (FORCE)", f"DROP ROLE {name}")
        postgres_server.execute(f"CREATE DATABASE {database}")


def test_without_a_superuser_it_says_what_is_missing(postgres_url: str) -> None:
    text = crm("harden", CRM_DATABASE_URL=postgres_url)
    assert "missing  languages: everybody may write in plpgsql, sql; run crm harden as a superuser\n" in text
    assert text.endswith("run crm harden with such a login's URL\n")


def test_sqlite_and_databases_that_are_not_there_are_refused(sqlite_url: str, postgres_server: PostgresServer) -> None:
    assert "SQLite has no roles to keep plugins apart" in crm("harden", code=2, CRM_DATABASE_URL=sqlite_url)
    empty = postgres_server.url("postgres")
    assert "has no CRM database yet; run crm init" in crm("harden", code=5, CRM_DATABASE_URL=empty)
