"""The contract test as a partner runs it: pytest in the plugin's own project, against the real core."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.plugin_sdk.testing.partner import failures, run_pytest
from tests.plugin_sdk.testing.real_plugin import ID, PLUGIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin_sdk.testing.fake_plugin import FakePlugin

TEST = f"""
from plugin_sdk.testing.contract import PluginContract

class TestContract(PluginContract):
    plugin = "{ID}"
"""


def write_project(folder: Path, plugin: FakePlugin, test: str = TEST) -> Path:
    """Write a partner's repository whose plugin is installed beside it."""
    plugin.write(folder / "site")
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{plugin.distribution}"\n')
    for document in ("README.md", "CHANGELOG.md"):
        (folder / document).write_text("Version 1.2.0")
    (folder / "test_contract.py").write_text(test)
    return folder


def test_a_sound_plugin_passes(tmp_path: Path) -> None:
    done = run_pytest(write_project(tmp_path, PLUGIN), site=tmp_path / "site")

    assert failures(done) == {}, done.stdout
    assert "11 passed" in done.stdout, done.stdout


@pytest.fixture
def unsound(tmp_path: Path) -> Path:
    """Write a plugin with one fault for each check that needs no core, and some that do."""
    plugin = replace(
        PLUGIN,
        package_version="1.2.1",
        manifest=PLUGIN.manifest + '\n[hooks.score]\n\n[tables]\nledger = "One row per movement."\n',
        hooks=PLUGIN.hooks.replace("(ctx, event)", "(ctx, event, tenant)"),
    )
    folder = write_project(tmp_path, plugin)
    (folder / "README.md").unlink()
    return folder


def test_the_faults_of_an_unsound_plugin_are_named(unsound: Path) -> None:
    arguments = ["-k", "version or hooks or sdk or settings_are or manifest_has"]

    found = failures(run_pytest(unsound, *arguments, site=unsound / "site"))

    assert found.keys() == {
        "test_package_and_manifest_have_one_version",
        "test_hooks_are_declared_and_implemented_alike",
        "test_documents_mention_the_version",
    }
    assert "has version 1.2.1, crm-plugin.toml 1.2.0" in found["test_package_and_manifest_have_one_version"]
    assert "{'tenant'}" in found["test_hooks_are_declared_and_implemented_alike"]
    assert "README.md is missing" in found["test_documents_mention_the_version"]


def test_an_unsound_plugin_fails_where_it_is_installed(unsound: Path) -> None:
    done = run_pytest(unsound, "-k", "tables", site=unsound / "site")

    assert "1 error" in done.stdout, done.stdout
    assert f"plugin install {ID}" in done.stdout
