from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, PathDistribution
from typing import TYPE_CHECKING

import pytest

from crm_core.plugin_host.discovery import GROUP, MANIFEST, discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TEXT = """\
[plugin]
id = "{id}"
name = "A plugin"
version = "{version}"
summary = "For the tests"
sdk = "*"
core = "*"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., EntryPoint]]:
    """Give a function that lays out an installed package and returns its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(
        name: str,
        *,
        text: str | None = None,
        version: str = "1.0.0",
        code: str = "",
        entry: str | None = None,
        dist: str | None = None,
    ) -> EntryPoint:
        module = f"crm_discovered_{name}"
        folder = tmp_path / module
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(code)
        if text != "":
            (folder / MANIFEST).write_text(text or _TEXT.format(id=name, version=version))
        info = tmp_path / f"{dist or name}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: crm-{dist or name}\nVersion: {version}\n")
        point = EntryPoint(entry or name, f"{module}.hooks", GROUP)
        return point._for(PathDistribution(info))  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001

    yield make
    for name in [name for name in sys.modules if name.startswith("crm_discovered_")]:
        del sys.modules[name]


def test_no_code_of_a_plugin_is_imported(package: Callable[..., EntryPoint], tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    code = f"open({str(marker)!r}, 'w').close()\nraise RuntimeError('imported')\n"
    [found] = discover([package("quiet", code=code)])
    assert (found.label, found.problem, found.distribution) == ("quiet@1.0.0", None, "crm-quiet")
    assert not marker.exists()
    assert not [name for name in sys.modules if name.startswith("crm_discovered_")]


def test_one_unusable_manifest_does_not_hide_the_others(package: Callable[..., EntryPoint]) -> None:
    found = discover([package("good"), package("broken", text="[plugin\n")])
    assert [(each.id, each.manifest is None) for each in found] == [("broken", True), ("good", False)]
    assert found[0].problem is not None
    assert found[0].problem.startswith("plugin broken: crm-plugin.toml: ")
    assert "not TOML" in found[0].problem


def test_every_problem_of_a_manifest_is_told(package: Callable[..., EntryPoint]) -> None:
    text = _TEXT.format(id="wrong", version="1.0.0") + "\n[hooks.record_validat]\n[fieldz]\n"
    [found] = discover([package("wrong", text=text)])
    assert found.manifest is None
    assert found.problem is not None
    assert "record_validat" in found.problem
    assert "record_validate" in found.problem
    assert "fieldz" in found.problem


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"text": ""}, "crm-plugin.toml is missing; ship crm-plugin.toml inside the wheel's package"),
        ({"entry": "other"}, "plugin.id = 'mine' differs from its entry point 'other'; write the same id in both"),
        (
            {"text": _TEXT.format(id="mine", version="1.0.1")},
            (
                "plugin mine@1.0.1: its package crm-mine says version 1.0.0; "
                "write the same version in pyproject.toml and the manifest"
            ),
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_fix(
    package: Callable[..., EntryPoint], options: dict[str, str], told: str
) -> None:
    [found] = discover([package("mine", **options)])
    assert found.manifest is None
    assert found.problem is not None
    assert told in found.problem


@pytest.mark.parametrize(
    ("packaged", "written"),
    [("1.2.0rc1", "1.2.0-rc.1"), ("1.2.0a1", "1.2.0-a.1"), ("1.2.0b2", "1.2.0-beta.2"), ("1.0.0", "1.0.0")],
)
def test_a_prerelease_is_the_same_version_in_both_spellings(
    package: Callable[..., EntryPoint], packaged: str, written: str
) -> None:
    [found] = discover([package("pre", version=packaged, text=_TEXT.format(id="pre", version=written))])
    assert found.problem is None


def test_a_module_without_a_package_is_refused() -> None:
    [found] = discover([EntryPoint("nowhere", "crm_of_nobody.hooks", GROUP)])
    assert found.problem is not None
    assert "the package of crm_of_nobody.hooks is missing" in found.problem


def test_two_packages_of_one_plugin_are_both_refused(package: Callable[..., EntryPoint]) -> None:
    points = [package("twice"), package("twice", dist="other")]
    for order in (points, points[::-1]):
        [found] = discover(order)
        assert found.manifest is None
        assert found.problem == "plugin twice: installed twice, by crm-other and crm-twice; uninstall one of them"
