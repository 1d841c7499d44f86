"""A plugin's roles come with it, are its own, and go when no database of the server needs them any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import sqlalchemy as sa

from crm_core import __version__
from crm_core.db.migrate import in_transaction, migrate
from crm_core.db.roles import RoleError, as_plugin_owner, grant_core_read
from crm_core.db.roles.plugins import admit, expel
from crm_core.errors import PluginError
from crm_core.plugin_host.install import install, uninstall
from crm_core.schema import record
from tests.support.app import run
from tests.support.books import books

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.discovery import Discovered
    from tests.crm_core.db.conftest import Place
    from tests.support.plugins import MakePlugin


def put(url: str, plugin: Discovered) -> None:
    install(url, [plugin], plugin.id, core_version=__version__, actor="tester")


def roles(place: Place, beginning: str) -> list[str]:
    query = sa.text("SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, :beginning) ORDER BY 1")
    return in_transaction(
        place.url, lambda connection: list(connection.execute(query, {"beginning": beginning}).scalars())
    )


def test_the_roles_of_a_plugin_live_as_long_as_a_database_has_its_data(
    place: Place, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "pair")
    plugin = books(make_plugin)
    with place.elsewhere("pair", "SUPERUSER") as one, place.elsewhere("pair", "SUPERUSER") as two:
        for each in (one, two):
            migrate(each.url)
            put(each.url, plugin)
        both = ["pair_plg_books", "pair_plg_books__owner"]
        assert roles(one, "pair_plg") == both
        uninstall(one.url, "books", drop=True, actor="tester")
        assert roles(one, "pair_plg") == both
        uninstall(two.url, "books", drop=False, actor="tester")
        assert roles(one, "pair_plg") == both
        uninstall(two.url, "books", drop=True, actor="tester")
        assert roles(one, "pair_plg") == []
        put(one.url, plugin)
        assert roles(one, "pair_plg") == both


def test_databases_that_take_one_plugin_in_and_out_at_once_do_not_get_in_each_other_s_way(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "twin")

    def in_and_out(url: str) -> int:
        for _ in range(12):
            in_transaction(url, partial(admit, plugin="guest"))
            in_transaction(url, partial(expel, plugin="guest"))
        return 12

    with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        urls = [stack.enter_context(place.elsewhere("twin", "SUPERUSER")).url for _ in range(3)]
        for url in urls:
            migrate(url)
        assert list(threads.map(in_and_out, urls)) == [12] * 3


def test_a_plugin_without_tables_leaves_nothing_when_it_goes(place: Place, make_plugin: MakePlugin) -> None:
    put(place.url, make_plugin("lonesome_one", ""))
    assert roles(place, "crm_plg_lonesome_one") == ["crm_plg_lonesome_one", "crm_plg_lonesome_one__owner"]
    uninstall(place.url, "lonesome_one", drop=False, actor="tester")
    assert roles(place, "crm_plg_lonesome_one") == []


def test_migrations_have_the_plugin_s_rights_and_no_others(library: Place) -> None:
    def look(connection: Connection) -> tuple[Any, ...]:
        outside = connection.exec_driver_sql("SELECT current_user::text").scalar()
        with as_plugin_owner(connection, "books"):
            inside = connection.exec_driver_sql("SELECT current_user::text").scalar()
            refused = pytest.raises(sa.exc.DBAPIError, match="permission denied for table account")
            with refused, connection.begin_nested():
                connection.exec_driver_sql("SELECT FROM core.account")
        return outside, inside, connection.exec_driver_sql("SELECT current_user::text").scalar()

    assert in_transaction(library.url, look) == ("crm_owner", "crm_plg_books__owner", "crm_owner")


def test_the_role_is_put_back_after_an_error_too(library: Place) -> None:
    def look(connection: Connection) -> Any:
        with pytest.raises(ZeroDivisionError), as_plugin_owner(connection, "books"):
            raise ZeroDivisionError
        return connection.exec_driver_sql("SELECT current_user::text").scalar()

    assert in_transaction(library.url, look) == "crm_owner"


def test_a_table_of_fields_that_the_core_has_not_made_is_not_used(place: Place, make_plugin: MakePlugin) -> None:
    def trap(connection: Connection) -> None:
        with as_plugin_owner(connection, "books"):
            connection.exec_driver_sql("CREATE TABLE plg_books.account_fields (tenant_id uuid, record_id uuid)")

    put(place.url, books(make_plugin, fields=""))
    in_transaction(place.url, trap)
    with pytest.raises(PluginError, match=r"books@1.0.1: its migrations make the table account_fields, which is the"):
        put(place.url, books(make_plugin, version="1.0.1"))


def test_a_plugin_reads_the_columns_of_the_core_it_is_granted_and_no_others(library: Place) -> None:
    def granted(columns: Mapping[str, Sequence[str]]) -> dict[str, bool]:
        in_transaction(library.url, lambda connection: grant_core_read(connection, "books", columns))
        return run(_readable(library.url))

    nothing = {"SELECT id FROM core.account": False, "SELECT name FROM core.account": False}
    nothing |= {"SELECT id FROM core.record": False, "INSERT INTO core.record DEFAULT VALUES": False}
    assert run(_readable(library.url)) == nothing
    first = granted({"account": ["tenant_id", "id"], "record": record.c.keys()})
    assert first == nothing | {"SELECT id FROM core.account": True, "SELECT id FROM core.record": True}
    assert granted({"account": ["name"]}) == nothing | {"SELECT name FROM core.account": True}
    assert granted({}) == nothing


async def _readable(url: str) -> dict[str, bool]:
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE crm_plg_books")
    found = {}
    for query in (
        "SELECT id FROM core.account",
        "SELECT name FROM core.account",
        "SELECT id FROM core.record",
        "INSERT INTO core.record DEFAULT VALUES",
    ):
        try:
            await connection.execute(query)
            found[query] = True
        except asyncpg.InsufficientPrivilegeError:
            found[query] = False
    await connection.close()
    return found


def test_without_the_right_to_make_roles_a_new_plugin_is_refused_with_what_to_do(
    place: Place, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ROLE_PREFIX", "poor")
    with place.elsewhere("poor", "CREATEROLE") as poor:
        migrate(poor.url)
        put(poor.url, make_plugin("known", ""))
        place.server.execute(f"ALTER ROLE {poor.login} NOCREATEROLE")
        put(poor.url, make_plugin("known", "", version="1.0.1"))
        with pytest.raises(RoleError, match=r"needs the database roles poor_plg_new__owner and poor_plg_new, which"):
            put(poor.url, make_plugin("new", ""))
