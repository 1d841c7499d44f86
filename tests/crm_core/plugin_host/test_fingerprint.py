from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core import __version__
from crm_core.db.migrate import in_transaction
from crm_core.db.roles import as_plugin_owner
from crm_core.errors import PluginError
from crm_core.plugin_host.fingerprint import (
    before_migration,
    changed_objects,
    compare,
    digest,
    keep_all,
    keep_migrated,
    kept,
)
from crm_core.plugin_host.install import install, uninstall
from crm_core.schema import plugin
from tests.support.books import books
from tests.support.fingerprint import platform_rows

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.fingerprint import Comparison
    from tests.support.plugins import MakePlugin

_FIRST = """\
from alembic import op
import sqlalchemy as sa
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    {}
"""


def comparisons(url: str) -> dict[str, Comparison]:
    return {each.scope: each for each in in_transaction(url, compare, read_only=True)}


def differing(url: str) -> set[str]:
    return {scope for scope, each in comparisons(url).items() if each.changed} - {"code"}


def scopes_kept(url: str) -> set[str]:
    return set(in_transaction(url, kept, read_only=True))


def sql(url: str, postgresql: str, sqlite: str) -> None:
    text = sqlite if url.startswith("sqlite") else postgresql
    in_transaction(url, lambda connection: connection.exec_driver_sql(text))


def test_a_step_keeps_what_it_made_and_what_was_never_kept(database_url: str, make_plugin: MakePlugin) -> None:
    install(database_url, [books(make_plugin)], "books", core_version=__version__, actor="ann")
    there = comparisons(database_url)
    assert {"code", "core", "plat", "plg_books"} <= there.keys()
    for each in there.values():
        assert each.kept is not None
        assert (each.kept.taken_by, each.changed) == ("ann", False)
        assert each.scope == "code" or each.kept.digest == each.digest == digest(each.kept.lines)
    uninstall(database_url, "books", drop=True, actor="bob")
    assert "plg_books" not in scopes_kept(database_url)
    assert differing(database_url) == set()


def test_a_later_step_does_not_hide_what_somebody_else_has_changed(database_url: str, make_plugin: MakePlugin) -> None:
    install(database_url, [make_plugin("first", "")], "first", core_version=__version__, actor="ann")
    sql(database_url, "CREATE INDEX mine ON core.account (name)", "CREATE INDEX mine ON account (name)")
    install(database_url, [books(make_plugin)], "books", core_version=__version__, actor="bob")
    assert differing(database_url) == {"core"}
    each = comparisons(database_url)["core"]
    assert each.kept is not None
    assert (each.kept.taken_by, each.removed, len(each.added)) == ("ann", (), 1)
    assert "mine" in each.added[0]
    keep_all(database_url, "ann")
    assert differing(database_url) == set()


def test_a_table_of_a_plugin_changed_by_hand_shows(database_url: str, make_plugin: MakePlugin) -> None:
    install(database_url, [books(make_plugin)], "books", core_version=__version__, actor="ann")

    def change(connection: Connection) -> None:
        table = "plg_books.book" if connection.dialect.name == "postgresql" else "plg_books__book"
        with as_plugin_owner(connection, "books"):
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN mine TEXT")

    in_transaction(database_url, change)
    assert differing(database_url) == {"plg_books"}


def test_a_migration_that_changes_another_plugins_tables_is_rolled_back(
    database_url: str, make_plugin: MakePlugin
) -> None:
    install(database_url, [books(make_plugin)], "books", core_version=__version__, actor="ann")
    thief = make_plugin("thief", "", '[tables]\nloot = "Loot."')
    assert thief.package is not None
    versions = thief.package / "migrations" / "versions"
    versions.mkdir(parents=True)
    statement = "op.add_column('book', sa.Column('mine', sa.Text()), schema='plg_books')"
    (versions / "0001.py").write_text(_FIRST.format(statement))
    with pytest.raises(PluginError) as caught:
        install(database_url, [thief], "thief", core_version=__version__, actor="ann")
    assert caught.value.message.startswith("thief@1.0.0: ")
    assert [row["id"] for row in platform_rows(database_url, plugin)] == ["books"]
    assert differing(database_url) == set()


def test_a_migration_keeps_what_it_changed_only(database_url: str) -> None:
    before = before_migration(database_url)
    keep_migrated(database_url, "ann", before)
    assert {"code", "core", "plat"} <= scopes_kept(database_url)
    sql(database_url, "CREATE INDEX mine ON core.account (name)", "CREATE INDEX mine ON account (name)")
    # Nothing was migrated since: somebody's index is not taken for the migration's.
    keep_migrated(database_url, "bob", before_migration(database_url))
    assert differing(database_url) == {"core"}
    # As if a migration had made the index.
    keep_migrated(database_url, "bob", before)
    assert differing(database_url) == set()


def test_asking_before_the_first_migration_makes_no_database(tmp_path: Path) -> None:
    file = tmp_path / "none.db"
    assert before_migration(f"sqlite:///{file}") == {}
    assert not file.exists()


_lines = st.frozensets(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n")), max_size=5)


@given(_lines, _lines)
def test_digests_are_equal_exactly_where_lines_are(first: frozenset[str], second: frozenset[str]) -> None:
    assert (digest(first) == digest(second)) == ("\n".join(sorted(first)) == "\n".join(sorted(second)))


def test_changed_objects_are_named_once_and_sorted() -> None:
    before = {"core": frozenset({"b: [1]", "a: [1]"}), "plg_x": frozenset({"c: [1]"}), "plg_y": frozenset({"d: [1]"})}
    after = {"core": frozenset({"b: [2]"}), "plg_x": frozenset({"c: [2]"})}
    assert changed_objects(before, after, but="plg_x") == ["a", "b", "d"]
