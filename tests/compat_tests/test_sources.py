from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compat_tests.errors import SourceError
from compat_tests.installers import Pip
from compat_tests.releases import freeze
from compat_tests.sources import Sources
from tests.compat_tests.wheelhouse import core_folder, wheel

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = '[plugin]\nid = "loyalty"\n'


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Look things up without ever needing an installer."""
    return Sources(Pip(), tmp_path / "work", archive=tmp_path / "archive")


def test_a_core_is_a_wheel_a_folder_or_an_archived_version(sources: Sources, tmp_path: Path) -> None:
    dist = core_folder(tmp_path / "dist")
    freeze("0.1.0", dist, archive=tmp_path / "archive")
    texts = [str(dist), str(dist / "crm_core-0.1.0-py3-none-any.whl"), "0.1.0"]

    found = [sources.core(text) for text in texts]

    assert {one.core.sha256 for one in found} == {found[0].core.sha256}
    assert {(one.core.version, one.sdk.name, one.sdk.version) for one in found} == {
        ("0.1.0", "crm-plugin-sdk", "0.1.0")
    }
    assert all(one.constraints and one.constraints.name == "constraints.txt" for one in found)


def test_two_cores_of_one_version_can_be_told_apart(sources: Sources, tmp_path: Path) -> None:
    one = sources.core(str(core_folder(tmp_path / "one")))
    other = sources.core(str(core_folder(tmp_path / "other", content="changed = True")))

    assert one.label != other.label


def test_a_core_without_its_sdk_is_refused(sources: Sources, tmp_path: Path) -> None:
    path = wheel(tmp_path / "dist", "crm-core", "0.1.0")

    with pytest.raises(SourceError, match="must lie beside it"):
        sources.core(str(path))


def test_what_is_nothing_is_named(sources: Sources) -> None:
    with pytest.raises(SourceError, match=r"9\.9\.9: no wheel, no folder of wheels, no archived version \(none yet\)"):
        sources.core("9.9.9")


def test_a_folder_of_wheels_has_the_newest_plugin(sources: Sources, tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        wheel(tmp_path / "dist", "crm-plugin-loyalty", version, manifest=MANIFEST)

    found = sources.plugin(str(tmp_path / "dist"))

    assert (found.id, found.wheel.version, found.project) == ("loyalty", "1.10.0", None)
    assert (found.scenarios, found.has_tests) == ((), False)


def test_a_wheel_that_is_no_plugin_is_refused(sources: Sources, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no crm-plugin\.toml"):
        sources.plugin(str(wheel(tmp_path, "something", "1.0")))
