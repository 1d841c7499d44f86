from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crm_core import __version__
from crm_core.db.migrate import in_transaction
from crm_core.errors import PluginError
from crm_core.plugin_host.install import install, uninstall
from crm_core.plugin_host.tiers import Tier
from crm_core.schema import field_def, plugin, plugin_history
from tests.support.app import run
from tests.support.books import MIGRATION, VALUES, as_plugin, books, fill, library
from tests.support.fingerprint import core_fingerprint, platform_rows, plugin_objects
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin

_HEADER = """\
from alembic import op
import sqlalchemy as sa
revision = "{}"
down_revision = "{}"
branch_labels = None
depends_on = None


def upgrade():
"""


IN_BOTH_TIERS = pytest.mark.parametrize("tier", list(Tier))


def revision(name: str, after: str, *statements: str) -> str:
    return _HEADER.format(name, after) + "".join(f"    {line}\n" for line in statements)


def put(url: str, *found: Discovered, core: str = __version__, tier: Tier = Tier.IN_PROCESS) -> None:
    install(url, found, found[0].id, core_version=core, actor="tester", tiers={each.id: tier for each in found})


def states(url: str) -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["version"], row["state"]) for row in platform_rows(url, plugin)}


def refusal(url: str, *found: Discovered, core: str = __version__, tier: Tier = Tier.IN_PROCESS) -> str:
    """Install in vain; nothing at all may be different afterwards."""
    before = core_fingerprint(url), plugin_objects(url, found[0].id), states(url), platform_rows(url, field_def)
    with pytest.raises(PluginError) as caught:
        put(url, *found, core=core, tier=tier)
    after = core_fingerprint(url), plugin_objects(url, found[0].id), states(url), platform_rows(url, field_def)
    assert after == before
    return str(caught.value)


@IN_BOTH_TIERS
def test_a_migration_that_fails_half_way_leaves_nothing(database_url: str, make_plugin: MakePlugin, tier: Tier) -> None:
    broken = revision(
        "0002", "0001", "op.drop_table('a_chapter', schema='plg_books')", "raise RuntimeError('half way')"
    )
    told = refusal(database_url, books(make_plugin, migrations={"0002.py": broken}), tier=tier)
    assert told == "books@1.0.0: its migration failed: RuntimeError: half way; nothing of it was kept"
    assert states(database_url) == {}
    assert plugin_objects(database_url, "books") == []


@IN_BOTH_TIERS
@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("op.add_column('account', sa.Column('x', sa.Text()), schema='core')", "core.account"),
        ("op.create_index('ix_mine', 'account', ['name'], schema='core')", "core.account"),
        ("op.execute('CREATE TABLE core.mine (n INTEGER)')", "core.mine"),
        ("op.execute('DROP TABLE core.tagging')", "core.tagging"),
        ("op.execute(\"INSERT INTO plat.epoch (scope, value) VALUES ('mine', 1)\")", "plat.epoch"),
        ('op.execute("UPDATE plat.epoch SET value = 0")', "plat.epoch"),
    ],
)
def test_a_migration_that_touches_the_core_is_refused(
    database_url: str, make_plugin: MakePlugin, statement: str, what: str, tier: Tier
) -> None:
    put(database_url, make_plugin("first", ""))
    found = books(make_plugin, migrations={"0002.py": revision("0002", "0001", statement)})
    told = refusal(database_url, found, tier=tier)
    assert told.startswith(f"books@1.0.0: its migration may not touch {what} (")
    assert told.endswith(
        "); a plugin's migrations work in plg_books only; records are read and changed with ctx.api. "
        "Nothing of it was kept"
    )


@IN_BOTH_TIERS
def test_a_declared_table_must_exist_and_belong_to_tenants(
    database_url: str, make_plugin: MakePlugin, tier: Tier
) -> None:
    missing = books(
        make_plugin, migrations={"0002.py": revision("0002", "0001", "op.drop_table('a_chapter', schema='plg_books')")}
    )
    assert "declares the table a_chapter, which its migrations do not create" in refusal(
        database_url, missing, tier=tier
    )
    shared = books(
        make_plugin,
        migrations={
            "0001.py": MIGRATION.replace('"a_chapter",', '"a_chapter_",')
            + ("    op.create_table('a_chapter', sa.Column('n', sa.Integer()), schema='plg_books')\n")
        },
    )
    assert "table a_chapter has no tenant_id" in refusal(database_url, shared, tier=tier)


def test_tables_are_kept_to_tenants_by_postgresql_itself(postgres_url: str, make_plugin: MakePlugin) -> None:
    put(postgres_url, books(make_plugin))
    query = (
        "SELECT c.relname, p.polname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_policy p "
        "ON p.polrelid = c.oid WHERE n.nspname = 'plg_books' AND c.relrowsecurity AND c.relforcerowsecurity "
        "ORDER BY 1, 2"
    )
    rows = in_transaction(postgres_url, lambda connection: connection.exec_driver_sql(query).all())
    tables = ["a_chapter", "account_fields", "book"]
    # The other policy lets the plugin's owner, which no statement of a request runs as, see all of its rows.
    assert [tuple(row) for row in rows] == [(table, name) for table in tables for name in ("maintenance", "tenant")]


def test_what_does_not_fit_is_not_installed(database_url: str, make_plugin: MakePlugin) -> None:
    plain = make_plugin("plain", "")
    needing = make_plugin("needing", "", '[requires]\nplain = "^1.0"')
    assert refusal(database_url, needing) == (
        "needing@1.0.0 needs plain >=1.0.0,<2.0.0, which is not installed; install it"
    )
    assert refusal(database_url, needing, plain) == (
        "needing@1.0.0 needs plain >=1.0.0,<2.0.0; it is not installed in this database. Install it first"
    )
    put(database_url, plain)
    put(database_url, needing, plain)
    assert states(database_url) == {"plain": ("1.0.0", "loaded"), "needing": ("1.0.0", "loaded")}
    with pytest.raises(PluginError, match="no package of plugin 'absent' is installed in this environment"):
        install(database_url, [plain], "absent", core_version=__version__, actor="tester")


def test_a_core_out_of_range_installs_nothing(database_url: str, make_plugin: MakePlugin) -> None:
    later = make_plugin("later", "")
    later = replace(later, manifest=manifest("later", core=">=5"))
    assert refusal(database_url, later) == (
        f"later@1.0.0 wants core >=5.0.0, this installation has core {__version__}; "
        f"install a release of later made for core {__version__}"
    )


def test_installing_imports_only_what_it_needs(database_url: str, make_plugin: MakePlugin) -> None:
    put(database_url, make_plugin("calm", ""), make_plugin("explosive", "raise SystemExit(9)"))
    assert states(database_url) == {"calm": ("1.0.0", "loaded")}


def test_contradicting_an_installed_plugin_is_refused(database_url: str, make_plugin: MakePlugin) -> None:
    hooks = "from plugin_sdk import hookimpl\n@hookimpl\ndef record_validate(new): ..."
    put(database_url, make_plugin("a1", hooks, '[hooks.record_validate]\nbefore = ["b1"]'))
    told = refusal(database_url, make_plugin("b1", hooks, '[hooks.record_validate]\nbefore = ["a1"]'))
    assert told == (
        "b1@1.0.0: before/after of a1, b1 contradict each other in record_validate; change one of their manifests"
    )


async def _values(url: str, found: Sequence[Discovered]) -> tuple[Any, Any]:
    async with library(url, *found) as app:
        client = app.client()
        made = await client.post("/accounts", json={"name": "A", "plugins": {"books": VALUES}})
        assert made.status_code == 201, made.text
        await as_plugin(app, fill)
        return app.tenant_id, made.json()


def test_installing_again_upgrading_and_reinstalling_keep_every_value(
    database_url: str, make_plugin: MakePlugin
) -> None:
    core = core_fingerprint(database_url)
    first = books(make_plugin)
    _, made = run(_values(database_url, [first]))
    objects = plugin_objects(database_url, "books")
    put(database_url, first)
    assert plugin_objects(database_url, "books") == objects
    assert made["plugins"]["books"] == VALUES

    without = (
        '\n[[fields]]\nrecord_type = "account"\nkey = "f_text"\nkind = "text"\nsearchable = true\n'
        'label = { en = "t" }\n'
        '\n[[fields]]\nrecord_type = "account"\nkey = "f_new"\nkind = "integer"\nlabel = { en = "n" }\n'
    )
    column = {
        "0002.py": revision("0002", "0001", "op.add_column('book', sa.Column('x', sa.Text()), schema='plg_books')")
    }
    second = books(make_plugin, version="1.1.0", fields=without, migrations=column)
    put(database_url, second)
    kept = {row["field_key"]: row["state"] for row in platform_rows(database_url, field_def)}
    assert kept == {
        "f_text": "active",
        "f_new": "active",
        **{f"f_{kind}": "retired" for kind in ("integer", "decimal", "money", "boolean", "date", "datetime", "json")},
    }
    assert any("ix_account_fields_f_text" in name for name in plugin_objects(database_url, "books"))
    assert refusal(database_url, first) == (
        "books@1.0.0 is older than the installed 1.1.0; migrations go only forward. "
        "Install the package of 1.1.0 or newer"
    )

    uninstall(database_url, "books", drop=False, actor="tester")
    assert states(database_url) == {"books": ("1.1.0", "removed")}
    assert "older than the installed 1.1.0" in refusal(database_url, first)
    third = books(make_plugin, version="1.2.0", migrations=column)
    put(database_url, third)
    assert core_fingerprint(database_url) == core
    actions = [(row["version"], row["action"]) for row in platform_rows(database_url, plugin_history)]
    assert actions == [
        ("1.0.0", "installed"),
        ("1.0.0", "installed"),
        ("1.1.0", "upgraded"),
        ("1.1.0", "uninstalled"),
        ("1.2.0", "upgraded"),
    ]


def test_a_field_that_changes_its_kind_is_refused(database_url: str, make_plugin: MakePlugin) -> None:
    put(database_url, books(make_plugin))
    changed = '\n[[fields]]\nrecord_type = "account"\nkey = "f_money"\nkind = "text"\nlabel = { en = "m" }\n'
    told = refusal(database_url, books(make_plugin, version="1.1.0", fields=changed))
    assert told.startswith("books@1.1.0: field account.f_money was of kind money, now it is text; ")


def test_a_needed_plugin_stays(database_url: str, make_plugin: MakePlugin) -> None:
    plain, needing = make_plugin("plain", ""), make_plugin("needing", "", '[requires]\nplain = "*"')
    put(database_url, plain)
    put(database_url, needing, plain)
    for drop in (False, True):
        with pytest.raises(PluginError, match=r"plain@1\.0\.0 is needed by needing; uninstall them first"):
            uninstall(database_url, "plain", drop=drop, actor="tester")
    uninstall(database_url, "needing", drop=False, actor="tester")
    uninstall(database_url, "plain", drop=True, actor="tester")
    assert {state for _, state in states(database_url).values()} == {"removed"}
    with pytest.raises(PluginError, match="plugin plain is not installed; crm plugin list shows those that are"):
        uninstall(database_url, "plain", drop=False, actor="tester")
