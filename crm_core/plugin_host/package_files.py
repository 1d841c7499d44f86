"""The files a plugin's package consists of, and one digest of them all."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SIGNATURE = "crm-plugin.sig"
"""The file of a package that holds its signature, which no digest of the package covers."""


class UnreadablePackage(Exception):
    """The files of a package cannot all be named or read; the text says which and why."""


def package_files(package: Path, distribution_name: str) -> dict[str, str]:
    """Return the SHA-256 of each file by its path: all of the package's folder, and what else its wheel installed.

    A wheel may bring modules beside the package; they are part of what runs, so they are part of this. Compiled
    caches are not: Python makes them from the files.
    """
    root = package.parent
    paths = {_relative(path, root): path for path in _walk(package)}
    paths |= _recorded(distribution_name)
    found: dict[str, str] = {}
    for name, path in sorted(paths.items()):
        try:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except FileNotFoundError:
            found[name] = "missing"
        except OSError as error:
            message = f"its file {name} cannot be read ({error.strerror}); install its package again"
            raise UnreadablePackage(message) from error
    return found


def counted(name: str) -> bool:
    """Tell whether a file, by its path in a wheel, is one that digests cover."""
    parts = PurePosixPath(name).parts
    return not ("__pycache__" in parts or parts[0].endswith(".dist-info") or parts[-1] == SIGNATURE)


def listing(files: Mapping[str, str]) -> str:
    """Return the files as text, one line each, the same for the same files."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))


def digest(files: Mapping[str, str]) -> str:
    """Return one digest of all the files."""
    return hashlib.sha256(listing(files).encode()).hexdigest()


def first_difference(before: Mapping[str, str], after: Mapping[str, str]) -> str | None:
    """Return what happened to the first file, by path, that is not as before; None if all are."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            verb = "changed" if name in before and name in after else "removed" if name in before else "added"
            return f"its file {name} was {'removed' if after.get(name) == 'missing' else verb}"
    return None


def _walk(package: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(package):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        for each in folders:
            if Path(folder, each).is_symlink():
                # What it leads to is not listed here, and could change without a trace.
                message = f"its folder {each} is a symbolic link; install its package with its files inside"
                raise UnreadablePackage(message)
        yield from (Path(folder, each) for each in sorted(files) if each != SIGNATURE)


def _recorded(distribution_name: str) -> dict[str, Path]:
    """Return the files its installer has noted, apart from its own notes and from scripts outside the packages."""
    try:
        files = distribution(distribution_name).files or ()
    except PackageNotFoundError:
        return {}
    names = (file for file in files if ".." not in file.parts and not file.is_absolute() and counted(file.as_posix()))
    return {file.as_posix(): Path(str(file.locate())) for file in names}


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
