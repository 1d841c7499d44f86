from __future__ import annotations

import sys
from pathlib import Path

import pytest

import crm_core
import plugin_sdk
from crm_core.isolation.confinement import readable


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that everybody may read, below others that may well be closed."""
    folder = tmp_path_factory.mktemp("public")
    folder.chmod(0o755)
    return folder


def test_the_code_of_a_worker_is_libraries_ours_and_the_plugins_folders(public: Path) -> None:
    folders = readable.code([str(public), str(public / "missing")])
    assert str(public) in folders
    assert str(public / "missing") not in folders
    assert sys.prefix not in folders
    assert f"{sys.prefix}/lib" in folders
    for package in (crm_core, plugin_sdk):
        assert str(Path(package.__path__[0])) in folders
    assert str(Path(crm_core.__path__[0]).parent) in readable.listed()


def test_a_folder_that_a_pth_file_names_is_read_if_wheels_were_installed_into_it(
    monkeypatch: pytest.MonkeyPatch, public: Path
) -> None:
    checkout, shared = public / "checkout", public / "shared"
    checkout.mkdir()
    (shared / "sample-1.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, "", str(checkout), str(shared), str(public / "missing")])
    folders = readable.code([])
    assert str(shared) in folders
    assert str(checkout) not in folders


def test_what_keeps_others_out_is_found_on_the_way(monkeypatch: pytest.MonkeyPatch, public: Path) -> None:
    modes = {public / "a": 0o755, public / "a" / "b": 0o755}
    for folder, mode in modes.items():
        folder.mkdir()
        folder.chmod(mode)
    # Folders of the machine above are not the test's to judge.
    above = {str(each) for each in public.parents}
    real = Path.stat

    def open_above(self: Path, *, follow_symlinks: bool = True) -> object:
        return real(public) if str(self) in above else real(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", open_above)
    target = public / "a" / "b"
    assert readable.obstacle([str(target)]) is None
    target.chmod(0o751)
    assert readable.obstacle([str(target)]) == str(target)
    target.chmod(0o755)
    (public / "a").chmod(0o744)
    assert readable.obstacle([str(target)]) == str(public / "a")
    (public / "a").chmod(0o755)
    private = public / "private"
    (private / "code").mkdir(parents=True)
    private.chmod(0o700)
    (public / "link").symlink_to(private / "code")
    assert readable.obstacle([str(public / "link")]) == str(private)
