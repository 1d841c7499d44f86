from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from compat_tests.scenario import load_folder

PLUGINS = sorted(path.parent for path in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))
FEWEST = 6


@pytest.fixture(params=PLUGINS, ids=lambda folder: folder.name)
def plugin(request: pytest.FixtureRequest) -> Path:
    """Hand out each plugin's folder in turn."""
    folder: Path = request.param
    return folder


def test_every_scenario_is_recorded_and_named_like_its_file(plugin: Path) -> None:
    scenarios = load_folder(plugin / "scenarios")

    assert len(scenarios) >= FEWEST
    assert [one.name for one in scenarios if not one.is_recorded] == []
    assert [one.source for one in scenarios] == [f"{one.name}.json" for one in scenarios]
    assert {one.plugin for one in scenarios} == {plugin.name}


def test_every_hook_of_a_plugin_is_in_a_scenario(plugin: Path) -> None:
    (manifest,) = plugin.glob("src/*/crm-plugin.toml")
    hooks = set(tomllib.loads(manifest.read_text("utf-8"))["hooks"])

    assert {hook for one in load_folder(plugin / "scenarios") for hook in one.hooks} == hooks
