from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from crm_core.db.migrate import in_transaction
from crm_core.errors import PluginError
from crm_core.plugin_host import trust
from crm_core.plugin_host.package_files import SIGNATURE
from crm_core.plugin_host.signature import make_key, sign_wheel
from crm_core.plugin_host.tiers import Tier, Verdict
from crm_core.schema import plugin_history
from crm_core.settings import Settings
from tests.support.app import run, running
from tests.support.fingerprint import platform_rows
from tests.support.wheels import as_discovered, unpacked, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin


def verdict(url: str, each: Discovered) -> Verdict:
    return trust.verdicts([each], in_transaction(url, trust.stored_in, read_only=True))[each.id]


def history(url: str) -> list[tuple[str, str, str]]:
    return [(row["plugin"], row["action"], row["actor"]) for row in platform_rows(url, plugin_history)]


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Discovered, str]:
    wheel = write_wheel(tmp_path, "books")
    public = make_key(tmp_path / "acme.key")
    sign_wheel(wheel, tmp_path / "acme.key")
    return as_discovered(unpacked(wheel, tmp_path / "site")), public


def test_trust_holds_for_the_files_as_they_were(database_url: str, make_plugin: MakePlugin) -> None:
    each = make_plugin("plain", "x = 1")
    assert verdict(database_url, each) == Verdict(trusted=False, reason="not trusted")
    trust.trust(database_url, each, actor="operator ann")
    told = verdict(database_url, each)
    assert (told.trusted, told.tier) == (True, Tier.IN_PROCESS)
    assert told.reason.startswith("trusted by operator ann on 2")

    assert each.package is not None
    (each.package / "hooks.py").write_text("x = 2")
    told = verdict(database_url, each)
    assert not told.trusted
    assert told.reason.startswith(
        f"not trusted: its file {each.package.name}/hooks.py was changed since it was trusted by operator ann on 2"
    )
    trust.trust(database_url, each, actor="operator bob", tier=Tier.ISOLATED)
    told = verdict(database_url, each)
    assert (told.trusted, told.tier) == (True, Tier.ISOLATED)
    (each.package / "more.py").write_text("")
    assert f"its file {each.package.name}/more.py was added since it was trusted by operator bob" in (
        verdict(database_url, each).reason
    )


def test_trust_is_taken_back_and_all_of_it_is_history(database_url: str, make_plugin: MakePlugin) -> None:
    each = make_plugin("plain", "")
    trust.trust(database_url, each, actor="ann")
    trust.distrust(database_url, "plain", actor="bob")
    assert verdict(database_url, each) == Verdict(trusted=False, reason="not trusted")
    with pytest.raises(PluginError, match="no operator trusts plugin plain"):
        trust.distrust(database_url, "plain", actor="bob")
    assert history(database_url) == [("plain", "trusted", "ann"), ("plain", "distrusted", "bob")]


def test_a_signature_counts_while_its_key_is_trusted(database_url: str, signed: tuple[Discovered, str]) -> None:
    each, public = signed
    told = verdict(database_url, each)
    assert not told.trusted
    assert told.reason == (
        f"not trusted: it is signed with the key {public}, which is not trusted (crm plugin trust-key)"
    )
    trust.trust_key(database_url, "acme", public, actor="ann")
    assert verdict(database_url, each) == Verdict(trusted=True, reason="signed by acme")
    trust.distrust_key(database_url, "acme", actor="ann")
    assert verdict(database_url, each) == told
    assert history(database_url) == [("*", "key_trusted", "ann"), ("*", "key_distrusted", "ann")]


def test_a_file_changed_after_the_signature_is_named(database_url: str, signed: tuple[Discovered, str]) -> None:
    each, public = signed
    trust.trust_key(database_url, "acme", public, actor="ann")
    assert each.package is not None
    (each.package / "hooks.py").write_text("import os")
    assert verdict(database_url, each) == Verdict(
        trusted=False,
        reason=(
            "not trusted: its file crm_books/hooks.py was changed since it was signed; "
            "get the package again from its author"
        ),
    )
    # An operator who has looked at the change may trust it nevertheless.
    trust.trust(database_url, each, actor="ann")
    assert verdict(database_url, each).trusted


def test_a_forged_signature_is_told(database_url: str, signed: tuple[Discovered, str]) -> None:
    each, public = signed
    trust.trust_key(database_url, "acme", public, actor="ann")
    assert each.package is not None
    file = each.package / SIGNATURE
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "signature": content["signature"][::-1]}))
    assert "was forged or damaged" in verdict(database_url, each).reason


def test_keys_have_one_name_each(database_url: str, tmp_path: Path) -> None:
    first, second = make_key(tmp_path / "a"), make_key(tmp_path / "b")
    trust.trust_key(database_url, "acme", f" {first}\n", actor="ann")
    with pytest.raises(PluginError, match="is trusted as 'acme' already"):
        trust.trust_key(database_url, "other", first, actor="ann")
    with pytest.raises(PluginError, match="is trusted as 'acme' already"):
        trust.trust_key(database_url, "acme", second, actor="ann")
    with pytest.raises(PluginError, match="no key is trusted as 'nobody'; trusted keys are: acme"):
        trust.distrust_key(database_url, "nobody", actor="ann")
    assert [key.name for key in in_transaction(database_url, trust.stored_in).keys] == ["acme"]


def test_the_server_shows_where_a_plugin_runs_and_why(database_url: str, make_plugin: MakePlugin) -> None:
    each = make_plugin("plain", "")
    trust.trust(database_url, each, actor="operator ann")

    async def scenario() -> dict[str, str]:
        async with running(database_url, plugins=[each], plugin_tier="auto") as app:
            entry: dict[str, str] = (await app.client().get("/plugins")).json()["data"][0]
            return entry

    entry = run(scenario())
    assert (entry["id"], entry["tier"]) == ("plain", "in_process")
    assert entry["tier_reason"].startswith("in process: trusted by operator ann on 2")


def test_a_plugin_that_may_not_run_is_not_installed(sqlite_url: str, make_plugin: MakePlugin) -> None:
    settings = Settings(database_url=sqlite_url, plugin_tier="in_process")
    assert trust.tiers_for(settings, [make_plugin("plain", "")], "plain") == {"plain": Tier.IN_PROCESS}


def test_what_has_no_files_cannot_be_trusted(sqlite_url: str, make_plugin: MakePlugin, tmp_path: Path) -> None:
    each = make_plugin("plain", "")
    assert each.package is not None
    (each.package / "more").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(PluginError, match=r"plugin plain@1\.0\.0 cannot be trusted: its folder more is a symbolic"):
        trust.trust(sqlite_url, each, actor="ann")
    assert verdict(sqlite_url, each).reason.startswith("not trusted: its folder more is a symbolic link")
