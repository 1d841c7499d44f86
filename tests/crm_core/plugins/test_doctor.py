from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core import __version__
from crm_core.db.migrate import in_transaction
from crm_core.plugin_host import core_code
from crm_core.plugin_host.fingerprint import keep_all
from crm_core.plugin_host.install import install
from crm_core.plugins.doctor import Finding, Status, compared, examine, fingerprint_findings
from crm_core.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.plugins import MakePlugin


def found(url: str, section: str, **settings: str) -> dict[str, Finding]:
    findings = examine(Settings(database_url=url, **settings), [])  # type: ignore[arg-type]
    return {each.check: each for each in findings if each.section == section}


def prints(url: str) -> dict[str, Finding]:
    return {each.check: each for each in fingerprint_findings(compared(url))}


def test_a_database_that_is_in_order(database_url: str) -> None:
    there = found(database_url, "database")
    product = "SQLite" if database_url.startswith("sqlite") else "PostgreSQL"
    assert there["connection"].sentence.startswith(f"it answers: {product} ")
    assert (there["schema core"].status, there["schema plat"].status) == (Status.OK, Status.OK)
    assert there["schema core"].sentence == "at core_0001, as this version needs it"
    assert {"authorizer"} <= there.keys() if product == "SQLite" else {"roles", "row_security"} <= there.keys()
    assert not any(each.failed for each in there.values())


def test_without_a_database_there_is_still_an_answer_and_no_file(tmp_path: Path) -> None:
    findings = examine(Settings(database_url=f"sqlite:///{tmp_path / 'none.db'}"), [])
    first = findings[0]
    assert (first.status, first.sentence, first.failed) == (
        Status.MISSING,
        "there is no CRM database yet; run crm init",
        True,
    )
    assert {each.section for each in findings} == {"database", "isolation", "code"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["mysql://x", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_that_does_not_answer_is_one_finding(url: str) -> None:
    first = examine(Settings(database_url=url), [])[0]
    assert (first.section, first.check, first.status) == ("database", "connection", Status.BROKEN)


def test_an_older_schema_is_named_and_its_plugins_are_not_looked_at(sqlite_url: str) -> None:
    in_transaction(
        sqlite_url,
        lambda connection: connection.exec_driver_sql("UPDATE plat_alembic_version SET version_num = 'platform_0001'"),
    )
    there = found(sqlite_url, "database")["schema plat"]
    assert there.status is Status.BROKEN
    assert there.sentence.startswith("at platform_0001, this version needs platform_")
    assert there.sentence.endswith("run crm migrate")
    assert found(sqlite_url, "plugins") == {}


def test_a_server_that_lets_us_see_little_gives_findings_and_no_crash(postgres_url: str) -> None:
    def close(connection: object) -> None:
        connection.exec_driver_sql("REVOKE ALL ON plat.plugin_trust FROM crm_app, crm_owner")  # type: ignore[attr-defined]

    in_transaction(postgres_url, close)
    there = found(postgres_url, "plugins")
    assert [each.status for each in there.values()] == [Status.BROKEN]
    assert "the check itself failed: " in there["plugins"].sentence
    assert "plugin_trust" in there["plugins"].sentence
    assert found(postgres_url, "database")["connection"].status is Status.OK


def test_a_required_wall_that_does_not_exist_is_a_mistake_of_the_setting(sqlite_url: str) -> None:
    there = found(sqlite_url, "isolation", isolation_require="moat")["moat"]
    assert (there.status, there.failed) == (Status.BROKEN, True)
    assert there.sentence == "there is no such wall; correct CRM_ISOLATION_REQUIRE=moat"


def test_walls_are_missing_or_stand_and_only_required_ones_fail(sqlite_url: str) -> None:
    there = found(sqlite_url, "isolation", isolation_require="")
    assert {"landlock", "no_new_privs", "rlimits", "seccomp", "uid"} <= there.keys()
    assert not any(each.failed for each in there.values())


def test_files_that_are_not_as_released_are_named(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_code, "is_editable", lambda _: False)
    differences = [f"crm_core/{name}.py was changed" for name in "abcd"]
    monkeypatch.setattr(
        core_code, "differences_from_release", lambda name, _: differences if name == "crm-core" else []
    )
    there = found(sqlite_url, "code")
    assert there["crm-core"].sentence == (
        "not as released: crm_core/a.py was changed; crm_core/b.py was changed; crm_core/c.py was changed and 1 more; "
        "install crm-core again"
    )
    assert (there["crm-core"].status, there["crm-plugin-sdk"].status) == (Status.BROKEN, Status.OK)


def test_fingerprints_that_were_never_kept_fit_or_differ(database_url: str, make_plugin: MakePlugin) -> None:
    install(database_url, [make_plugin("plain", "")], "plain", core_version=__version__, actor="ann")
    before = prints(database_url)
    assert (before["core"].status, before["plat"].status) == (Status.OK, Status.OK)
    assert before["core"].sentence.endswith(" (ann)")

    def change(connection: object) -> None:
        table = "account" if database_url.startswith("sqlite") else "core.account"
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN mine TEXT")  # type: ignore[attr-defined]

    in_transaction(database_url, change)
    after = prints(database_url)
    assert after["core"].status is Status.BROKEN
    assert after["core"].failed
    assert " lines differ since 2" in after["core"].sentence or "1 lines differ" in after["core"].sentence
    assert after["plat"].status is Status.OK
    keep_all(database_url, "bob")
    assert prints(database_url)["core"].status is Status.OK


def test_a_fingerprint_that_was_never_kept_says_how_to_keep_it(sqlite_url: str) -> None:
    there = prints(sqlite_url)["core"]
    assert (there.status, there.failed) == (Status.MISSING, False)
    assert there.sentence.endswith("never kept before; crm doctor --accept keeps it")
