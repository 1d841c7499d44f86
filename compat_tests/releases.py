"""The archive of released cores: the wheels themselves, what they were tested with, and hashes that never change."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from compat_tests.errors import ArchiveError
from compat_tests.wheels import CORE, SDK, newest, read_wheel

__all__ = ["ARCHIVE", "freeze", "release_folder", "verify", "versions"]

ARCHIVE: Final = Path(__file__).parent / "releases"
CONSTRAINTS: Final = "constraints.txt"
_RELEASE: Final = "release.json"
_INDEX: Final = "index.json"


def versions(archive: Path = ARCHIVE) -> list[str]:
    """Return the archived versions, oldest first as the index lists them."""
    file = archive / _INDEX
    if not file.is_file():
        return []
    found: list[str] = json.loads(file.read_text("utf-8"))["releases"]
    return found


def release_folder(version: str, archive: Path = ARCHIVE) -> Path:
    """Return the folder of a release after comparing every file with its hash."""
    folder = archive / version
    problems = _problems(folder)
    if problems:
        raise ArchiveError("\n".join(problems))
    return folder


def verify(archive: Path = ARCHIVE) -> list[str]:
    """Return what is wrong with the archive: files that are not what they were, and folders nobody listed."""
    listed = versions(archive)
    folders = sorted(path.name for path in archive.iterdir() if path.is_dir()) if archive.is_dir() else []
    problems = [f"{archive / name}: not in {_INDEX}" for name in folders if name not in listed]
    problems += [
        f"{archive / name}: in {_INDEX}, but there is no such folder" for name in listed if name not in folders
    ]
    return problems + [line for name in folders if name in listed for line in _problems(archive / name)]


def freeze(
    version: str, source: Path, *, constraints: Path | None = None, changes: str = "", archive: Path = ARCHIVE
) -> Path:
    """Add a release from a folder of built wheels; an archived release is never changed."""
    target = archive / version
    if target.exists() or version in versions(archive):
        raise ArchiveError(f"{target}: {version} is archived already and never changes; release a new version")
    wheels = _wheels(source, version)
    lock = constraints or source / CONSTRAINTS
    if not lock.is_file():
        raise ArchiveError(f"{lock}: no constraints; name the file of exact third-party versions with --constraints")
    partial = archive / f".{version}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for wheel in wheels:
        shutil.copyfile(wheel, partial / wheel.name)
    shutil.copyfile(lock, partial / CONSTRAINTS)
    _write(partial / _RELEASE, _described(version, partial, changes))
    partial.rename(target)
    _write(archive / _INDEX, {"releases": [*versions(archive), version]})
    return target


def _wheels(source: Path, version: str) -> list[Path]:
    found = [read_wheel(path) for path in sorted(source.glob("*.whl"))]
    cores = [wheel for wheel in found if wheel.name == CORE and wheel.version == version]
    sdks = [wheel for wheel in found if wheel.name == SDK]
    if len(cores) != 1 or not sdks:
        have = ", ".join(wheel.path.name for wheel in found) or "no wheels"
        raise ArchiveError(f"{source}: {CORE} {version} and a {SDK} are needed; there are {have}")
    return [cores[0].path, newest(sdks).path]


def _described(version: str, folder: Path, changes: str) -> dict[str, Any]:
    return {
        "format": 1,
        "version": version,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(Path.cwd()),
        "changes": changes,
        "files": {path.name: _hash(path) for path in sorted(folder.iterdir())},
    }


def _problems(folder: Path) -> list[str]:
    file = folder / _RELEASE
    if not file.is_file():
        return [f"{folder}: not an archived release: it has no {_RELEASE}"]
    expected: dict[str, str] = json.loads(file.read_text("utf-8"))["files"]
    found = {path.name: _hash(path) for path in folder.iterdir() if path.name != _RELEASE}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return [
        f"{folder / name}: not the file that was released (its hash differs, or it is missing or new)" for name in wrong
    ]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _commit(folder: Path) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    line = [git, "rev-parse", "HEAD"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own line
    return done.stdout.strip() if done.returncode == 0 else None


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
