from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from compat_tests.errors import ArchiveError
from compat_tests.releases import freeze, release_folder, verify, versions
from tests.compat_tests.wheelhouse import core_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Archive 0.1.0."""
    folder = tmp_path / "archive"
    freeze("0.1.0", core_folder(tmp_path / "dist"), changes="The first.", archive=folder)
    return folder


def test_every_file_that_this_repository_has_archived_is_what_was_released() -> None:
    assert verify() == []


def test_a_release_holds_the_wheels_and_their_story(archive: Path) -> None:
    release = json.loads((archive / "0.1.0" / "release.json").read_text("utf-8"))

    assert versions(archive) == ["0.1.0"]
    assert verify(archive) == []
    assert (release["version"], release["changes"]) == ("0.1.0", "The first.")
    assert sorted(release["files"]) == [
        "constraints.txt",
        "crm_core-0.1.0-py3-none-any.whl",
        "crm_plugin_sdk-0.1.0-py3-none-any.whl",
    ]


def test_a_release_never_changes(archive: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}

    with pytest.raises(ArchiveError, match="never changes"):
        freeze("0.1.0", core_folder(tmp_path / "other", content="changed = True"), archive=archive)

    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before


def test_releases_are_listed_in_the_order_of_their_release(archive: Path, tmp_path: Path) -> None:
    freeze("0.2.0", core_folder(tmp_path / "second", "0.2.0"), archive=archive)

    assert versions(archive) == ["0.1.0", "0.2.0"]


@pytest.mark.parametrize("harm", ["changed", "missing", "new"])
def test_a_file_that_is_not_what_was_released_is_found(archive: Path, harm: str) -> None:
    file = archive / "0.1.0" / "constraints.txt"
    if harm == "changed":
        file.write_text("typer==9\n", "utf-8")
    elif harm == "missing":
        file.unlink()
    else:
        file = archive / "0.1.0" / "extra.whl"
        file.write_text("", "utf-8")

    assert [line.partition(": ")[0] for line in verify(archive)] == [str(file)]
    with pytest.raises(ArchiveError, match="not the file that was released"):
        release_folder("0.1.0", archive)


def test_folders_and_index_must_agree(archive: Path) -> None:
    (archive / "0.1.0").rename(archive / "0.3.0")

    assert [line.partition(": ")[2] for line in verify(archive)] == [
        "not in index.json",
        "in index.json, but there is no such folder",
    ]


def test_what_is_needed_is_named(tmp_path: Path) -> None:
    dist = core_folder(tmp_path / "dist")

    with pytest.raises(ArchiveError, match=r"crm-core 0\.2\.0 and a crm-plugin-sdk are needed"):
        freeze("0.2.0", dist, archive=tmp_path / "archive")
    (dist / "constraints.txt").unlink()
    with pytest.raises(ArchiveError, match="no constraints"):
        freeze("0.1.0", dist, archive=tmp_path / "archive")
    assert versions(tmp_path / "archive") == []
