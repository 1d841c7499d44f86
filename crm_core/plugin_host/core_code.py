"""The files of the core's and the SDK's code: what they are, whether they are as released, and as before.

Compiled caches are not looked at: Python makes them from these files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING

import crm_core
import plugin_sdk
from crm_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

logger = logging.getLogger("crm_core.plugin_host")

DISTRIBUTIONS: Mapping[str, Path] = {
    "crm-core": Path(crm_core.__file__).parent,
    "crm-plugin-sdk": Path(plugin_sdk.__file__).parent,
}
"""Our distributions and the package that each of them installs code in."""

_NAMED = 3


@dataclass(frozen=True)
class CodeFiles:
    """The contents of the files of packages at one moment, by their paths from above the packages."""

    packages: Mapping[str, Path]
    contents: Mapping[str, bytes]

    @classmethod
    def read(cls, packages: Iterable[Path] | None = None) -> CodeFiles:
        """Read the files of packages (None: our own)."""
        by_name = {package.name: package for package in (DISTRIBUTIONS.values() if packages is None else packages)}
        return cls(by_name, {name: path.read_bytes() for name, path in _named(by_name).items()})

    def lines(self) -> frozenset[str]:
        """Return one line per file, and the versions, for a fingerprint."""
        files = {f"file {name}": hashlib.sha256(content).hexdigest() for name, content in self.contents.items()}
        versions = {"version crm-core": crm_core.__version__, "version crm-plugin-sdk": plugin_sdk.__version__}
        return frozenset(f"{name}: {json.dumps([value])}" for name, value in {**files, **versions}.items())

    def changes(self) -> dict[str, str]:
        """Return what has happened to files since, by their paths: changed, removed or added."""
        now = _named(self.packages)
        found = dict.fromkeys(now.keys() - self.contents.keys(), "added")
        for name, content in self.contents.items():
            if name not in now:
                found[name] = "removed"
            elif now[name].read_bytes() != content:
                found[name] = "changed"
        return dict(sorted(found.items()))

    def restore(self, changes: Iterable[str]) -> None:
        """Bring files back to what they were."""
        for name in changes:
            path = self.packages[name.partition("/")[0]].parent / name
            if name in self.contents:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.contents[name])
            else:
                path.unlink(missing_ok=True)


@contextmanager
def code_untouched(
    label: str, packages: Iterable[Path] | None = None, *, checkout: bool | None = None
) -> Iterator[Callable[[], None]]:
    """Watch the core's files while a plugin is taken in; the function given raises PluginError if any has changed.

    It is called as the last thing before the commit; however else the block ends, changed files are brought back.
    In a development checkout (None: asks whether this is one) somebody may be saving files at this very moment:
    there a change is logged, and nobody's work is overwritten.
    """
    before = CodeFiles.read(packages)
    lenient = any(is_editable(name) for name in DISTRIBUTIONS) if checkout is None else checkout

    def require() -> None:
        changes = before.changes()
        if not changes:
            return
        named = "; ".join(f"{name} was {verb}" for name, verb in list(changes.items())[:_NAMED])
        if lenient:
            logger.warning("files of this development checkout changed while %s was taken in: %s", label, named)
            return
        before.restore(changes)
        message = (
            f"{label}: the core's own files changed while it was taken in ({named}); they were brought back, and "
            "nothing else was done. Do not use this plugin until its author explains it"
        )
        raise PluginError(message, plugin=label)

    try:
        yield require
    except BaseException:
        if not lenient:
            before.restore(before.changes())
        raise


def is_editable(name: str) -> bool:
    """Tell whether a distribution is a checkout that is being worked on, or not installed at all."""
    try:
        text = Distribution.from_name(name).read_text("direct_url.json")
    except PackageNotFoundError:
        return True
    return bool(text) and bool(json.loads(text or "{}").get("dir_info", {}).get("editable"))


def differences_from_release(name: str, package: Path) -> list[str]:
    """Return what is not as in the wheel of one of our distributions: files changed, missing or added."""
    found = []
    recorded = set()
    for file in Distribution.from_name(name).files or ():
        path = Path(str(file.locate()))
        recorded.add(path.resolve())
        if file.hash is None or ".." in file.parts:
            continue
        if not path.is_file():
            found.append(f"{file} is missing")
        elif _recorded_hash(path, file.hash.mode) != file.hash.value:
            found.append(f"{file} was changed")
    found += [f"{_name(path, package)} was added" for path in _files(package) if path.resolve() not in recorded]
    return sorted(found)


def _recorded_hash(path: Path, mode: str) -> str:
    digest = hashlib.new(mode, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _named(packages: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files of packages by their paths from above the packages."""
    return {_name(path, package): path for package in packages.values() for path in _files(package)}


def _files(package: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(package):
        folders[:] = [each for each in folders if each != "__pycache__"]
        yield from (Path(folder, each) for each in files)


def _name(path: Path, package: Path) -> str:
    # As relative_to() would say it, in a tenth of the time: this is asked for each file of the core, twice a step.
    return str(path)[len(str(package.parent)) + 1 :].replace(os.sep, "/")
