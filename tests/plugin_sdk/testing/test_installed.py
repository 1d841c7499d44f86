from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugin_sdk.errors import ManifestError
from plugin_sdk.testing.installed import (
    InstalledPlugin,
    PluginNotFound,
    installed_plugin,
    plugin_of_project,
    project_folders,
    with_required,
)
from tests.plugin_sdk.testing.fake_plugin import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[[FakePlugin], Path]


def test_a_plugin_is_found_without_running_its_code(install: Install) -> None:
    folder = install(FakePlugin("sample_a", "1.2.0-rc.1", "1.2.0rc1", hooks="raise RuntimeError('imported')"))

    plugin = installed_plugin("sample_a")

    assert plugin == InstalledPlugin("sample_a", "crm-plugin-sample-a", "1.2.0rc1", "crm_sample_a.hooks", folder)
    assert plugin.manifest.label == "sample_a@1.2.0-rc.1"


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are(install: Install) -> None:
    install(FakePlugin("sample_a"))

    with pytest.raises(PluginNotFound, match=r"plugin sample_b is not installed; .*\(installed plugins: .*sample_a"):
        installed_plugin("sample_b")


def test_a_package_without_a_manifest_is_an_error(install: Install) -> None:
    (install(FakePlugin("sample_a")) / "crm-plugin.toml").unlink()

    with pytest.raises(PluginNotFound, match=r"no crm-plugin\.toml in the package of crm_sample_a\.hooks"):
        installed_plugin("sample_a")


def test_a_manifest_with_problems_is_read_with_all_of_them(install: Install) -> None:
    install(FakePlugin("sample_a", manifest="colour = 1\n[hooks.record_saved]\n"))

    with pytest.raises(ManifestError) as caught:
        _ = installed_plugin("sample_a").manifest

    assert [problem.key for problem in caught.value.problems] == ["hooks.record_saved", "plugin.colour"]


def test_required_plugins_come_first_and_once(install: Install) -> None:
    install(FakePlugin("sample_top", manifest='[requires]\nsample_left = "*"\nsample_right = "*"\n'))
    install(FakePlugin("sample_left", manifest='[requires]\nsample_base = "*"\n'))
    install(FakePlugin("sample_right", manifest='[requires]\nsample_base = "*"\n'))
    install(FakePlugin("sample_base"))

    assert with_required("sample_top") == ["sample_base", "sample_left", "sample_right", "sample_top"]
    assert with_required("sample_base") == ["sample_base"]


def test_plugins_that_require_each_other_are_an_error(install: Install) -> None:
    install(FakePlugin("sample_a", manifest='[requires]\nsample_b = "*"\n'))
    install(FakePlugin("sample_b", manifest='[requires]\nsample_a = "*"\n'))

    with pytest.raises(PluginNotFound, match="sample_a -> sample_b -> sample_a"):
        with_required("sample_a")


def test_a_project_has_the_plugin_of_its_distribution(install: Install, tmp_path: Path) -> None:
    install(FakePlugin("sample_a"))
    install(FakePlugin("sample_b"))
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "CRM_Plugin.Sample-A"\n')
    (tmp_path / "other").mkdir()

    assert plugin_of_project(tmp_path) == "sample_a"
    assert plugin_of_project(tmp_path / "other") is None


@pytest.mark.parametrize("text", ["", "[tool.ruff]\n", '[project]\nname = "crm-core"\n'])
def test_a_project_that_builds_no_plugin_has_none(install: Install, tmp_path: Path, text: str) -> None:
    install(FakePlugin("sample_a"))
    (tmp_path / "pyproject.toml").write_text(text)

    assert plugin_of_project(tmp_path) is None


def test_a_project_with_two_plugins_must_say_which(install: Install, tmp_path: Path) -> None:
    package = install(FakePlugin("sample_a"))
    (points,) = package.parent.glob("crm_plugin_sample_a-*.dist-info/entry_points.txt")
    points.write_text(points.read_text() + "sample_more = crm_sample_a.more\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "crm-plugin-sample-a"\n')

    with pytest.raises(PluginNotFound, match=r"sample_a, sample_more; write which one is tested: crm_plugin ="):
        plugin_of_project(tmp_path)


def test_projects_are_searched_from_the_tests_up_to_the_top(tmp_path: Path) -> None:
    inner = tmp_path / "plugins" / "a"
    (inner / "tests" / "deep").mkdir(parents=True)
    for folder in (tmp_path, inner):
        (folder / "pyproject.toml").touch()

    assert list(project_folders(inner / "tests" / "deep", tmp_path)) == [inner, tmp_path]
    assert list(project_folders(inner / "tests", inner)) == [inner]
