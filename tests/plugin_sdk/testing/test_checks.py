from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugin_sdk.testing import checks
from plugin_sdk.testing.installed import installed_plugin
from tests.plugin_sdk.testing.fake_plugin import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[[FakePlugin], Path]

HOOKS = """
from plugin_sdk import hookimpl

@hookimpl
def record_validate(new):
    return ()
"""
TABLES = """
[tables]
ledger = "One row per movement."
balance = "One row per account."
"""
FIELDS = """
[[fields]]
record_type = "account"
key = "tier"
kind = "choice"
choices = ["bronze", "silver"]
label = { en = "Tier" }

[[fields]]
record_type = "account"
key = "points"
kind = "decimal"
label = { en = "Points" }

[[fields]]
record_type = "account"
key = "shown"
kind = "text"
computed = true
label = { en = "Shown" }
"""
SETTINGS = """
[settings.rate]
kind = "decimal"
default = "1.5"
max = "2"

[settings.token]
kind = "text"
secret = true
required = true
"""


def test_a_sound_plugin_has_no_problems(install: Install) -> None:
    install(FakePlugin("sample_a", manifest=f"[hooks.record_validate]\n{TABLES}", hooks=HOOKS))
    plugin = installed_plugin("sample_a")

    assert checks.manifest_problems(plugin) == []
    assert checks.version_problems(plugin) == []
    assert checks.hook_problems(plugin) == []
    assert checks.range_problems(plugin.manifest, "0.1.7") == []
    assert checks.table_problems(plugin.manifest, ["ledger", "balance", "account_fields", "alembic_version"]) == []
    assert checks.setting_problems(plugin.manifest, {}) == []


def test_every_problem_of_the_manifest_is_reported(install: Install) -> None:
    install(FakePlugin("sample_a", manifest="colour = 1\n[hooks.record_saved]\n"))

    assert [problem.split(": ")[1] for problem in checks.manifest_problems(installed_plugin("sample_a"))] == [
        'hooks.record_saved = "record_saved"',
        "plugin.colour = 1",
    ]


def test_another_id_than_the_entry_points_is_a_problem(install: Install) -> None:
    file = install(FakePlugin("sample_a")) / "crm-plugin.toml"
    file.write_text(file.read_text().replace('id = "sample_a"', 'id = "sample_b"'))

    (problem,) = checks.manifest_problems(installed_plugin("sample_a"))

    assert problem.startswith("crm-plugin.toml: plugin.id = 'sample_b' differs from the entry point 'sample_a'")


@pytest.mark.parametrize(
    ("package", "manifest", "good"),
    [
        ("1.0.0", "1.0.0", True),
        ("1.0.0rc1", "1.0.0-rc.1", True),
        ("1.0.1", "1.0.0", False),
        ("1.0.0", "1.0.0-rc.1", False),
    ],
)
def test_package_and_manifest_need_one_version(install: Install, package: str, manifest: str, *, good: bool) -> None:
    install(FakePlugin("sample_a", manifest, package))

    problems = checks.version_problems(installed_plugin("sample_a"))

    expected = f"the package crm-plugin-sample-a has version {package}, crm-plugin.toml {manifest}; write one version"
    assert [problem[: len(expected)] for problem in problems] == ([] if good else [expected])


def test_an_sdk_outside_the_range_is_a_problem(install: Install) -> None:
    install(FakePlugin("sample_a"))

    assert checks.range_problems(installed_plugin("sample_a").manifest, "1.0.0") == [
        'crm-plugin.toml: plugin.sdk = ">=0.1.0,<1.0.0" keeps out SDK 1.0.0, which the tests run with'
    ]


def test_hooks_must_be_declared_and_implemented(install: Install) -> None:
    hooks = HOOKS + "\n@hookimpl\ndef record_saved(new):\n    pass\n"
    install(FakePlugin("sample_a", manifest="[hooks.score]\n", hooks=hooks))

    module, manifest = "crm_sample_a.hooks", "crm-plugin.toml"
    assert [problem.partition(";")[0] for problem in checks.hook_problems(installed_plugin("sample_a"))] == [
        f"{module}: implements record_saved, which is no hook of this SDK",
        f"{module}: implements record_validate without declaring it",
        f"{manifest}: hooks.score: not implemented in {module}",
    ]


def test_an_argument_that_the_contract_does_not_have_is_a_problem(install: Install) -> None:
    hooks = HOOKS.replace("(new)", "(new, tenant)")
    install(FakePlugin("sample_a", manifest="[hooks.record_validate]\n", hooks=hooks))

    (problem,) = checks.hook_problems(installed_plugin("sample_a"))

    assert problem.startswith("crm_sample_a.hooks: ")
    assert "record_validate" in problem
    assert "{'tenant'}" in problem


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("## 1.0.0", True),
        ("version 1.0.0.", True),
        ("`v1.0.0`", True),
        ("(1.0.0)", True),
        ("11.0.0", False),
        ("1.0.0-rc.1", False),
        ("1.0.0rc1", False),
        ("1.0.0.1", False),
        ("none", False),
    ],
)
def test_documents_must_mention_exactly_the_version(tmp_path: Path, text: str, *, good: bool) -> None:
    (tmp_path / "README.md").write_text("For version 1.0.0")
    (tmp_path / "CHANGELOG.md").write_text(text)

    problem = "CHANGELOG.md does not mention version 1.0.0; bring it up to date"
    assert checks.document_problems(tmp_path, "1.0.0") == ([] if good else [problem])


def test_missing_documents_are_problems(tmp_path: Path) -> None:
    assert checks.document_problems(tmp_path, "1.0.0") == [
        "README.md is missing beside pyproject.toml; write one",
        "CHANGELOG.md is missing beside pyproject.toml; write one",
    ]


@pytest.mark.parametrize("prefix", ["", "plg_sample_a.", "plg_sample_a__"])
def test_tables_must_be_those_declared(install: Install, prefix: str) -> None:
    install(FakePlugin("sample_a", manifest=TABLES))

    existing = [f"{prefix}{name}" for name in ("ledger", "notes", "account_fields")]

    assert checks.table_problems(installed_plugin("sample_a").manifest, existing) == [
        "crm-plugin.toml: tables.balance: no migration makes it; add one or remove it",
        "table notes exists but is not declared; add it to [tables] of crm-plugin.toml",
    ]


def test_settings_must_fit_with_their_defaults(install: Install) -> None:
    install(FakePlugin("sample_a", manifest=SETTINGS))
    manifest = installed_plugin("sample_a").manifest

    assert checks.setting_problems(manifest, {"token": "t"}) == []
    assert checks.setting_problems(manifest, {"rate": "3"}) == [
        'settings.rate = "3": too large; use 2 or less',
        "settings.token = null: required; give it a value",
    ]


@pytest.mark.parametrize(
    ("read", "problems"),
    [
        ({"tier": "silver", "points": "1.5000", "shown": None}, []),
        (
            {"tier": "bronze", "points": "1.50000", "extra": 1},
            [
                "account.shown: declared, but no part of the record",
                "account.extra: part of the record, but not declared",
                'account.points = "1.50000": not a decimal number of at most 15 digits and 4 decimals',
                "account.tier: wrote 'silver', read 'bronze'",
            ],
        ),
    ],
)
def test_fields_must_come_back_as_they_were_written(
    install: Install, read: dict[str, object], problems: list[str]
) -> None:
    install(FakePlugin("sample_a", manifest=FIELDS))
    manifest = installed_plugin("sample_a").manifest

    found = checks.field_problems(manifest, "account", {"tier": "silver", "points": "1.5"}, read)

    assert [problem.partition(";")[0] for problem in found] == problems
