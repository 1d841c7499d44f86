from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compat_tests.errors import SourceError
from compat_tests.running import subjects_of
from compat_tests.sources import PluginSource
from compat_tests.wheels import read_wheel
from tests.compat_tests.wheelhouse import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., PluginSource]


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """Make a plugin that requires others."""

    def make(name: str, *requires: str) -> PluginSource:
        needs = "".join(f'{one} = "*"\n' for one in requires)
        manifest = f'[plugin]\nid = "{name}"\n[requires]\n{needs}'
        return PluginSource(name, read_wheel(wheel(tmp_path, name, "1.0", manifest=manifest)), None)

    return make


def test_each_plugin_is_judged_alone_with_what_it_requires(plugin: Make) -> None:
    base, middle, top = plugin("base"), plugin("middle", "base"), plugin("top", "middle")

    subjects = subjects_of([top, middle], [base], together=False)

    assert [(one.name, [each.id for each in one.installed]) for one in subjects] == [
        ("top", ["base", "middle", "top"]),
        ("middle", ["base", "middle"]),
    ]


def test_together_installs_each_after_what_it_requires(plugin: Make) -> None:
    base, middle, top = plugin("base"), plugin("middle", "base"), plugin("top", "middle")

    *_, subject = subjects_of([top, middle], [base], together=True)

    assert (subject.name, [one.id for one in subject.installed]) == ("all together", ["base", "middle", "top"])


def test_a_plugin_that_is_needed_must_be_named(plugin: Make) -> None:
    with pytest.raises(SourceError, match="plugin top needs plugin middle; name it with --with"):
        subjects_of([plugin("top", "middle")], [], together=False)


def test_a_circle_is_told(plugin: Make) -> None:
    with pytest.raises(SourceError, match="a -> b -> a"):
        subjects_of([plugin("a", "b"), plugin("b", "a")], [], together=False)


def test_a_plugin_is_named_once(plugin: Make) -> None:
    with pytest.raises(SourceError, match="named twice"):
        subjects_of([plugin("a"), plugin("a")], [], together=False)
