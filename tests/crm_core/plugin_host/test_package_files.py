from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from crm_core.plugin_host.package_files import (
    SIGNATURE,
    UnreadablePackage,
    counted,
    digest,
    first_difference,
    package_files,
)

if TYPE_CHECKING:
    from pathlib import Path


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "crm_books"
    (folder / "migrations" / "versions").mkdir(parents=True)
    (folder / "__init__.py").write_bytes(b"")
    (folder / "hooks.py").write_bytes(b"x = 1\n")
    (folder / "migrations" / "versions" / "0001.py").write_bytes(b"# one\n")
    return folder


def test_every_file_counts_but_caches_and_the_signature(package: Path) -> None:
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "hooks.cpython-311.pyc").write_bytes(b"compiled")
    (package / SIGNATURE).write_bytes(b"{}")
    (package / "loose.pyc").write_bytes(b"importable without a source")
    assert package_files(package, "no-such-distribution") == {
        "crm_books/__init__.py": sha(b""),
        "crm_books/hooks.py": sha(b"x = 1\n"),
        "crm_books/loose.pyc": sha(b"importable without a source"),
        "crm_books/migrations/versions/0001.py": sha(b"# one\n"),
    }


def test_what_else_its_wheel_installed_counts_too(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = package.parent
    notes = site / "crm_books-1.0.0.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: crm-books\nVersion: 1.0.0\n")
    recorded = ("crm_books/hooks.py", "shared.py", "gone.py", "../bin/books", "crm_books-1.0.0.dist-info/METADATA")
    (notes / "RECORD").write_text("".join(f"{name},,\n" for name in recorded))
    (site / "shared.py").write_bytes(b"y = 2\n")
    monkeypatch.syspath_prepend(str(site))
    files = package_files(package, "crm-books")
    assert files["shared.py"] == sha(b"y = 2\n")
    assert files["gone.py"] == "missing"
    assert [name for name in files if not name.startswith("crm_books/")] == ["gone.py", "shared.py"]


def test_a_folder_somewhere_else_cannot_be_vouched_for(package: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (package / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(UnreadablePackage, match="its folder more is a symbolic link; install its package"):
        package_files(package, "no-such-distribution")


def test_the_digest_depends_on_names_and_contents_only() -> None:
    files = {"a": "1", "b": "2"}
    assert digest(files) == digest({"b": "2", "a": "1"})
    assert len({digest(files), digest({"a": "2", "b": "1"}), digest({"a": "1"}), digest({"a": "1", "c": "2"})}) == 4


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({"a": "1", "b": "2"}, None),
        ({"a": "9", "b": "9"}, "its file a was changed"),
        ({"a": "1"}, "its file b was removed"),
        ({"a": "1", "b": "missing"}, "its file b was removed"),
        ({"a": "1", "aa": "0", "b": "9"}, "its file aa was added"),
    ],
)
def test_the_first_difference_is_named(after: dict[str, str], told: str | None) -> None:
    assert first_difference({"a": "1", "b": "2"}, after) == told


def test_files_of_a_wheel_that_no_digest_covers() -> None:
    uncounted = ("x/__pycache__/a.pyc", "x-1.dist-info/RECORD", f"x/{SIGNATURE}")
    assert [name for name in ("x/a.py", "x.py", "x/y/a.so", *uncounted) if counted(name)] == [
        "x/a.py",
        "x.py",
        "x/y/a.so",
    ]
