"""What a wheel says of itself: name, version, requirements, and the manifest of the plugin inside."""

from __future__ import annotations

import hashlib
import re
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from typing import TYPE_CHECKING, Any, Final

from compat_tests.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CORE", "SDK", "PluginManifest", "Wheel", "newest", "normal", "read_wheel"]

CORE: Final = "crm-core"
SDK: Final = "crm-plugin-sdk"
_MANIFEST: Final = "crm-plugin.toml"
_REQUIREMENT: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?P<range>[^;)]*)\)?\s*(?:;(?P<marker>.*))?"
)
_EXTRA: Final = re.compile(r"""extra\s*==\s*['"](?P<extra>[^'"]+)['"]""")
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One ``Requires-Dist`` line; ``extra`` is the extra it belongs to, ``marker`` what is left of its condition."""

    name: str
    extras: tuple[str, ...]
    range: str
    extra: str | None
    marker: str

    @property
    def text(self) -> str:
        """Return it as an installer reads it, without the extra it belongs to."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f" ; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.range}{marker}"


@dataclass(frozen=True, slots=True)
class PluginManifest:
    """What the manifest of a plugin claims."""

    id: str
    sdk: str
    core: str
    requires: tuple[str, ...]
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel file; two wheels with one hash are the same."""

    path: Path
    name: str
    version: str
    sha256: str
    requirements: tuple[Requirement, ...]
    manifest: PluginManifest | None


def normal(name: str) -> str:
    """Return the normalised name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def newest(wheels: list[Wheel]) -> Wheel:
    """Return the wheel with the highest version; a final version is newer than its prereleases."""
    return max(wheels, key=lambda wheel: _order(wheel.version))


def read_wheel(path: Path) -> Wheel:
    """Read a wheel; raise SourceError where the file is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            metadata = Parser().parsestr(archive.read(_only(names, ".dist-info/METADATA")).decode("utf-8"))
            manifests = [name for name in names if name.rpartition("/")[2] == _MANIFEST]
            manifest = _manifest(archive.read(manifests[0]), path) if manifests else None
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: not a wheel: {error}") from error
    return Wheel(
        path.resolve(),
        normal(metadata["Name"]),
        metadata["Version"],
        hashlib.sha256(path.read_bytes()).hexdigest(),
        tuple(_requirements(metadata.get_all("Requires-Dist") or [])),
        manifest,
    )


def _only(names: list[str], suffix: str) -> str:
    found = [name for name in names if name.endswith(suffix) and name.count("/") == 1]
    if len(found) != 1:
        raise KeyError(f"{len(found)} files end with {suffix}")
    return found[0]


def _manifest(content: bytes, path: Path) -> PluginManifest:
    """Read what the suite needs; whether the manifest is right is for the core to say."""
    try:
        document: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except ValueError as error:
        raise SourceError(f"{path}: {_MANIFEST}: {error}") from error
    plugin = document.get("plugin", {})
    if not isinstance(plugin, dict) or not plugin.get("id"):
        raise SourceError(f"{path}: {_MANIFEST}: [plugin] id is missing")
    return PluginManifest(
        str(plugin["id"]),
        str(plugin.get("sdk", "*")),
        str(plugin.get("core", "*")),
        tuple(sorted(document.get("requires", {}))),
        tuple(sorted(document.get("hooks", {}))),
    )


def _requirements(lines: list[str]) -> Iterator[Requirement]:
    for line in lines:
        match = _REQUIREMENT.fullmatch(line.strip())
        if match is None:
            continue  # a direct URL: nothing a wheel on an index may have
        extras = tuple(one.strip() for one in (match["extras"] or "").split(",") if one.strip())
        extra, marker = _without_extra(match["marker"] or "")
        yield Requirement(normal(match["name"]), extras, match["range"].strip(), extra, marker)


def _without_extra(marker: str) -> tuple[str | None, str]:
    match = _EXTRA.search(marker)
    if match is None:
        return None, marker.strip()
    rest = re.sub(r"^\s*and\s+|\s+and\s*$", "", (marker[: match.start()] + marker[match.end() :]).strip())
    return match["extra"], rest.strip().removeprefix("()").strip()


def _order(version: str) -> tuple[tuple[int, ...], bool, str]:
    release = re.split(r"[a-zA-Z+-]", version, maxsplit=1)[0]
    return tuple(map(int, _NUMBERS.findall(release))), release.rstrip(".") == version, version
