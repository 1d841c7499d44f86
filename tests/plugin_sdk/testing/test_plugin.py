from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin_sdk.testing.partner import run_pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--strict-config"\n')
    return tmp_path


def test_a_run_that_uses_no_fixture_imports_nothing_heavy(project: Path) -> None:
    (project / "test_light.py").write_text(
        "import sys\n\ndef test_light(pytestconfig):\n"
        "    heavy = {'httpx', 'sqlalchemy', 'plugin_sdk.testing.client', 'plugin_sdk.testing.server', 'crm_core'}\n"
        "    assert pytestconfig.getini('crm_plugin') == ''\n"
        "    assert not heavy & set(sys.modules)\n"
    )

    done = run_pytest(project)

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixtures_and_the_setting_are_documented(project: Path) -> None:
    fixtures = run_pytest(project, "--fixtures").stdout
    settings = run_pytest(project, "--help").stdout

    assert "Serve a real core in a database of this run" in fixtures
    assert "Give a fresh tenant with no plugin enabled." in fixtures
    assert "crm_plugin" in settings


def test_a_plugin_that_is_not_installed_fails_before_anything_starts(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\ncrm_plugin = "sample_missing"\n')
    (project / "test_it.py").write_text("def test_it(crm):\n    pass\n")

    done = run_pytest(project)

    assert "PluginNotFound: plugin sample_missing is not installed" in done.stdout
    assert "1 error" in done.stdout
