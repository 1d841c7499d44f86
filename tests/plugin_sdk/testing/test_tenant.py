"""The fixtures' parts against the real core."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plugin_sdk.testing.client import UnexpectedAnswer
from plugin_sdk.testing.command import CommandError
from plugin_sdk.testing.installed import PluginNotFound
from plugin_sdk.testing.server import CrmServer
from plugin_sdk.testing.tenant import Crm
from tests.packaging.distributions import ROOT
from tests.plugin_sdk.testing.real_plugin import ID, PLUGIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrmServer]:
    site = tmp_path_factory.mktemp("site")
    PLUGIN.write(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
        with CrmServer([ID]) as server:
            yield server


@pytest.fixture
def crm(server: CrmServer) -> Iterator[Crm]:
    server.install(ID)
    crm = Crm(server, ID)
    yield crm
    crm.close()


def test_each_tenant_is_new_and_its_own(crm: Crm) -> None:
    other = crm.another()
    account = crm.client.create("accounts", name="Ada")

    assert crm.tenant != other.tenant
    assert [one["id"] for one in crm.client.list("accounts")] == [account["id"]]
    assert other.client.list("accounts") == []
    assert other.client.get(f"accounts/{account['id']}").status == 404


def test_enabling_brings_the_fields_and_disabling_takes_them_away(crm: Crm) -> None:
    account = crm.client.create("accounts", name="Ada")
    assert (account["plugins"], crm.is_enabled()) == ({}, False)

    crm.enable(greeting="welcome")
    enabled = crm.client.update("accounts", account["id"], plugins={ID: {"tier": "silver"}})
    assert enabled["plugins"] == {ID: {"tier": "silver", "points": None, "visits": None, "greeting": "welcome"}}
    assert crm.is_enabled()

    crm.disable()
    assert (crm.client.read("accounts", account["id"])["plugins"], crm.is_enabled()) == ({}, False)

    crm.enable()
    assert crm.client.read("accounts", account["id"])["plugins"] == enabled["plugins"]


def test_a_refused_setting_is_shown(crm: Crm) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"POST plugins/{ID}/enable: answered 422, expected 200; .*colour"):
        crm.enable(colour="red")


def test_events_are_delivered_when_the_test_asks_for_it(crm: Crm) -> None:
    crm.enable()
    account = crm.client.create("accounts", name="Ada")
    assert crm.client.read("accounts", account["id"])["plugins"][ID]["visits"] is None

    crm.relay()

    assert crm.client.read("accounts", account["id"])["plugins"][ID]["visits"] == 1


def test_a_job_runs_for_this_tenant_when_the_test_asks_for_it(crm: Crm) -> None:
    other = crm.another()
    accounts = []
    for one in (crm, other):
        one.enable()
        accounts.append(one.client.create("accounts", name="Ada")["id"])

    crm.run_job("count")

    visits = [
        one.client.read("accounts", account)["plugins"][ID]["visits"]
        for one, account in zip((crm, other), accounts, strict=True)
    ]
    assert visits == [7, None]


def test_the_audit_trail_of_a_record_can_be_read(crm: Crm) -> None:
    account = crm.client.create("accounts", name="Ada")
    crm.client.update("accounts", account["id"], name="Grace")

    assert {entry["record_id"] for entry in crm.audit(account["id"])} == {account["id"]}
    assert len(crm.audit(account["id"])) == 2


def test_a_role_may_do_what_it_may(crm: Crm) -> None:
    account = crm.client.create("accounts", name="Ada")
    reader = crm.client.as_role("read_only")

    assert reader.read("accounts", account["id"])["name"] == "Ada"
    assert reader.post("accounts", json={"name": "Grace"}).status == 403


def test_a_role_that_does_not_exist_is_an_error(crm: Crm) -> None:
    with pytest.raises(CommandError, match="--role emperor"):
        crm.client.as_role("emperor")


def test_kept_data_is_there_after_the_next_install(crm: Crm) -> None:
    crm.enable(greeting="welcome")
    account = crm.client.create("accounts", name="Ada", plugins={ID: {"tier": "silver", "points": "1.5"}})

    crm.uninstall()
    assert crm.client.read("accounts", account["id"])["plugins"] == {}
    crm.install()
    crm.enable(greeting="welcome")

    assert crm.client.read("accounts", account["id"])["plugins"] == account["plugins"]


def test_purged_data_is_gone_and_exported_data_comes_back(crm: Crm, tmp_path: Path) -> None:
    crm.enable()
    account = crm.client.create("accounts", name="Ada", plugins={ID: {"tier": "silver"}})

    crm.uninstall(export=tmp_path / "plugin.jsonl")
    crm.install()
    crm.enable()
    assert crm.client.read("accounts", account["id"])["plugins"][ID]["tier"] is None
    crm.import_(tmp_path / "plugin.jsonl")

    assert crm.client.read("accounts", account["id"])["plugins"][ID]["tier"] == "silver"


def test_purge_and_export_exclude_each_other(crm: Crm, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one"):
        crm.uninstall(purge=True, export=tmp_path / "plugin.jsonl")


def test_without_a_plugin_under_test_one_must_be_named(server: CrmServer) -> None:
    crm = Crm(server)

    with pytest.raises(PluginNotFound, match="no plugin is under test here; name one"):
        crm.enable()

    crm.enable(ID)
    assert crm.is_enabled(ID)
    crm.close()


def test_a_given_postgresql_database_can_be_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    PLUGIN.write(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    monkeypatch.setenv("CRM_TEST_DATABASE_URL", postgres_url)

    tiers = []
    for _ in range(2):
        with CrmServer([ID]) as server:
            crm = Crm(server, ID)
            crm.enable()
            tiers.append(
                crm.client.create("accounts", name="Ada", plugins={ID: {"tier": "silver"}})["plugins"][ID]["tier"]
            )
            crm.close()

    assert tiers == ["silver", "silver"]
