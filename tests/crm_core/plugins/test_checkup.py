from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crm_core import __version__
from crm_core.db.migrate import in_transaction
from crm_core.db.roles import as_plugin_owner
from crm_core.plugin_host import trust
from crm_core.plugin_host.install import install, uninstall
from crm_core.plugins.checkup import plugin_findings
from crm_core.settings import Settings
from tests.support.books import books
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin


def checked(url: str, *found: Discovered) -> dict[str, tuple[str, str]]:
    settings = Settings(database_url=url, plugin_tier="in_process")

    def read(connection: Connection) -> dict[str, tuple[str, str]]:
        return {name: (status, sentence) for name, status, sentence in plugin_findings(connection, settings, found)}

    return in_transaction(url, read, read_only=True)


def put(url: str, *found: Discovered) -> None:
    install(url, found, found[0].id, core_version=__version__, actor="tester")


def test_plugins_that_are_in_order(database_url: str, make_plugin: MakePlugin) -> None:
    plain = make_plugin("plain", "raise SystemExit(9)")
    assert checked(database_url, plain)["plain state"] == (
        "ok",
        "its package is here; crm plugin install plain takes it into this database",
    )
    calm = make_plugin("calm", "")
    put(database_url, calm)
    assert checked(database_url, calm, plain) == {
        "calm state": ("ok", "1.0.0 is installed"),
        "plain state": ("ok", "its package is here; crm plugin install plain takes it into this database"),
        "calm tier": ("ok", "in process: CRM_PLUGIN_TIER=in_process"),
        "namespaces": ("ok", "each belongs to a plugin of this database"),
        "foreign keys": ("ok", "each has an index"),
    }


def test_packages_that_are_gone_older_or_do_not_fit(database_url: str, make_plugin: MakePlugin) -> None:
    calm = make_plugin("calm", "")
    put(database_url, calm)
    assert checked(database_url)["calm state"] == (
        "broken",
        "its package is gone; install the package of version 1.0.0 or uninstall calm",
    )
    newer = make_plugin("calm", "", version="1.1.0")
    status, sentence = checked(database_url, newer)["calm state"]
    assert status == "broken"
    assert sentence == (
        "the database has version 1.0.0, the package is 1.1.0; run crm plugin upgrade calm or bring back the package "
        "of 1.0.0"
    )
    unusable = replace(calm, manifest=None, problem="plugin calm: crm-plugin.toml is missing")
    assert checked(database_url, unusable)["calm state"] == ("broken", "plugin calm: crm-plugin.toml is missing")
    misfit = replace(calm, manifest=manifest("calm", core=">=5"))
    status, sentence = checked(database_url, misfit)["calm state"]
    assert (status, sentence.startswith("calm@1.0.0 wants core >=5.0.0")) == ("broken", True)
    uninstall(database_url, "calm", drop=True, actor="tester")
    assert checked(database_url)["calm state"] == ("ok", "uninstalled: its data was dropped")


def test_trust_that_has_become_void_is_told(database_url: str, make_plugin: MakePlugin) -> None:
    calm = make_plugin("calm", "")
    put(database_url, calm)
    trust.trust(database_url, calm, actor="ann")
    assert checked(database_url, calm)["calm tier"][0] == "ok"
    assert calm.package is not None
    (calm.package / "hooks.py").write_text("x = 1")
    assert checked(database_url, calm)["calm tier"] == (
        "broken",
        "in process: CRM_PLUGIN_TIER=in_process; look at what changed, then run crm plugin trust calm or bring it back",
    )


def test_tables_of_nobody_and_keys_without_an_index_are_named(database_url: str, make_plugin: MakePlugin) -> None:
    each = books(make_plugin)
    put(database_url, each)

    def spoil(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("CREATE TABLE plg_ghost__x (n INTEGER)")
            connection.exec_driver_sql("DROP INDEX plg_books__ix_book_account")
            return
        connection.exec_driver_sql("SET LOCAL ROLE NONE")
        connection.exec_driver_sql("CREATE SCHEMA plg_ghost")
        with as_plugin_owner(connection, "books"):
            connection.exec_driver_sql("DROP INDEX plg_books.ix_book_account")

    in_transaction(database_url, spoil)
    there = checked(database_url, each)
    assert there["namespaces"] == (
        "broken",
        "plg_ghost belong to no plugin this database knows of; find out who made them",
    )
    status, sentence = there["foreign keys"]
    # The index of the other key, of a_chapter to book, is still there.
    assert status == "broken"
    assert "book" in sentence
    assert "a_chapter" not in sentence
