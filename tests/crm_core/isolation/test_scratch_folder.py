from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crm_core.isolation.scratch_folder import ScratchFolder

if TYPE_CHECKING:
    from pathlib import Path

_OTHER_HOST = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from crm_core.isolation.scratch_folder import ScratchFolder
folder = ScratchFolder()
(folder.path / "left.txt").write_text("left")
print(folder.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_removed_once_or_twice(temporary: Path) -> None:
    folder = ScratchFolder()
    assert folder.path.parent == temporary
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "file.txt").write_text("text", encoding="utf-8")
    for _ in range(2):
        folder.remove()
        assert list(temporary.iterdir()) == []


def test_folders_in_use_stay_and_those_of_a_killed_host_go(temporary: Path) -> None:
    mine = ScratchFolder()
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER_HOST, str(temporary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        theirs = host.stdout.readline().strip()
        ScratchFolder().remove()
        assert {str(each) for each in temporary.iterdir()} == {str(mine.path), theirs}
        host.kill()
        host.wait()
    ScratchFolder().remove()
    assert list(temporary.iterdir()) == [mine.path]
    mine.remove()


def test_what_only_looks_like_a_folder_of_ours_stays(temporary: Path) -> None:
    target = temporary / "precious"
    target.mkdir()
    (temporary / "crm-worker-link").symlink_to(target)
    (temporary / "crm-worker-file").write_text("text", encoding="utf-8")
    ScratchFolder().remove()
    assert {each.name for each in temporary.iterdir()} == {"precious", "crm-worker-link", "crm-worker-file"}
