"""What a superuser takes from everybody, and a login that has no rights of its own."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import sqlalchemy as sa

from crm_core.audit.sealer import seal
from crm_core.db.migrate import in_transaction
from crm_core.db.roles import RoleError, acting_as, create_login, harden, walls
from tests.support.app import run
from tests.support.books import BOOK, as_plugin, books, fill
from tests.support.books import library as opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from tests.crm_core.db.conftest import Place
    from tests.support.plugins import MakePlugin

DANGEROUS = (
    "SELECT set_config('crm.tenant', '', false)",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(1)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, '')",
    "SELECT pg_notify('x', 'y')",
    "SELECT pg_sleep(0)",
    "SELECT pg_sleep_for('0')",
    "SELECT pg_cancel_backend(0)",
    "SELECT pg_terminate_backend(0)",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT pg_export_snapshot()",
    "SELECT pg_logical_emit_message(true, 'x', 'y')",
    "DO 'BEGIN END'",
    "CREATE TEMP TABLE mine (n integer)",
)


@contextmanager
def login_of(place: Place) -> Iterator[str]:
    """Give the URL of a login made for the server; it is gone afterwards."""
    name, password = f"crm_login_{secrets.token_hex(6)}", "it's & secret"
    in_transaction(place.superuser_url, lambda connection: create_login(connection, name, "another"))
    in_transaction(place.superuser_url, lambda connection: create_login(connection, name, password))
    try:
        yield place.url_of(name, "it%27s%20%26%20secret")
    finally:
        run(_execute(place.superuser_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}"))


async def _execute(url: str, *statements: str) -> list[str | None]:
    """Run statements as they are; return each one's refusal, if any."""
    connection = await asyncpg.connect(url)
    refusals: list[str | None] = []
    for statement in statements:
        try:
            await connection.execute(statement)
            refusals.append(None)
        except asyncpg.InsufficientPrivilegeError as error:
            refusals.append(str(error))
    await connection.close()
    return refusals


def standing(url: str) -> dict[str, bool]:
    return {wall.name: wall.standing for wall in in_transaction(url, walls, read_only=True)}


def test_a_hardened_database_refuses_what_could_do_harm(library: Place) -> None:
    assert in_transaction(library.superuser_url, harden)
    _, *refusals = run(_execute(library.url, "SET ROLE crm_plg_books", *DANGEROUS))
    assert [statement for statement, refusal in zip(DANGEROUS, refusals, strict=True) if refusal is None] == []
    assert in_transaction(library.superuser_url, harden)


def test_only_a_superuser_can_harden(library: Place) -> None:
    assert not in_transaction(library.url, harden)
    assert not standing(library.url)["functions"]


def test_hardening_needs_roles(place: Place) -> None:
    with place.elsewhere("nobody") as plain, pytest.raises(RoleError, match="uses no roles; run crm migrate"):
        in_transaction(plain.url, harden)


def test_other_databases_are_left_alone(library: Place) -> None:
    in_transaction(library.superuser_url, harden)
    with library.elsewhere("nobody") as other:
        assert run(_execute(other.url, *DANGEROUS[:5])) == [None] * 5


def test_everything_works_with_a_login_without_rights_on_a_hardened_database(
    place: Place, make_plugin: MakePlugin
) -> None:
    plugin = books(make_plugin)

    async def use(url: str) -> Any:
        async with opened(url, plugin, install_url=place.url) as app:
            client = app.client()
            made = await client.post("/accounts", json={"name": "A", "plugins": {"books": {"f_text": "x"}}})
            order = await client.post("/sales-orders", json={"lines": [{"quantity": "1", "unit_price": "2"}]})
            await as_plugin(app, fill)
            titles = await as_plugin(app, lambda ctx: [row["title"] for row in ctx.sql.rows(sa.select(BOOK.c.title))])
            report = await seal(app.runtime)
            return made.status_code, order.status_code, sorted(titles), report.events > 0

    in_transaction(place.superuser_url, harden)
    with login_of(place) as url:
        assert run(use(url)) == (201, 201, ["empty", "Ünïcode '"], True)
        assert set(standing(url).values()) == {True}


def test_a_login_of_its_own_can_do_nothing_by_itself(library: Place) -> None:
    with login_of(library) as url:
        statements = ("SELECT FROM core.tenant", "SELECT FROM plg_books.book", "SET ROLE crm_owner", "SET ROLE crm_app")
        first, second, third, last = run(_execute(url, *statements))
        assert (first, second) == ("permission denied for schema core", "permission denied for schema plg_books")
        assert third is not None
        assert last is None


def test_a_role_with_other_rights_is_not_made_a_login(place: Place) -> None:
    for name in ("crm_fixture", "crm_app_test"):
        with pytest.raises(RoleError, match=f"the role {name} has other rights than those of crm_app; choose another"):
            in_transaction(place.superuser_url, partial(create_login, name=name, password="x"))  # noqa: S106 - of this test


@pytest.mark.parametrize("password", ["", "pässword", "line\nbreak"])
def test_a_password_that_could_be_read_in_two_ways_is_refused(postgres_url: str, password: str) -> None:
    with pytest.raises(RoleError, match="the password of mine: use letters, digits and signs of ASCII"):
        in_transaction(postgres_url, lambda connection: create_login(connection, "mine", password))


def test_the_server_never_sees_the_password(place: Place) -> None:
    name, password = f"crm_login_{secrets.token_hex(6)}", secrets.token_hex(16)

    def make(connection: Connection) -> None:
        with acting_as(connection, None):
            connection.exec_driver_sql("SET LOCAL log_statement = 'all'")
        create_login(connection, name, password)

    in_transaction(place.superuser_url, make)
    try:
        log = (place.server.directory / "log").read_text()
        assert f'CREATE ROLE "{name}" LOGIN NOINHERIT PASSWORD \'SCRAM-SHA-256$' in log
        assert password not in log
        assert run(_execute(place.url_of(name, password), "SELECT 1")) == [None]
    finally:
        run(_execute(place.superuser_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}"))
