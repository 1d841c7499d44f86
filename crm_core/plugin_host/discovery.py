"""Find installed plugins and read their manifests without importing any of their code."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest, ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "crm.plugins"
MANIFEST = "crm-plugin.toml"
_PRERELEASE = re.compile(r"[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?([0-9]*)")
_SHORT = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


@dataclass(frozen=True, slots=True)
class Discovered:
    """An installed package that says it is a plugin: its manifest, or why that cannot be used."""

    id: str
    distribution: str
    package: Path | None
    module: str
    manifest: Manifest | None
    problem: str | None = None

    @property
    def label(self) -> str:
        """Return ``id@version``, or the id alone where the manifest is unusable."""
        return self.manifest.label if self.manifest else self.id


def discover(points: Iterable[EntryPoint] | None = None) -> list[Discovered]:
    """Return every plugin of this environment by id; one unusable manifest never hides another plugin."""
    found = entry_points(group=GROUP) if points is None else points
    plugins = [_read(point) for point in sorted(found, key=lambda point: (point.name, point.value))]
    seen: dict[str, Discovered] = {}
    for plugin in plugins:
        first = seen.get(plugin.id)
        seen[plugin.id] = plugin if first is None else _claimed_twice(first, plugin)
    return list(seen.values())


def _claimed_twice(first: Discovered, second: Discovered) -> Discovered:
    """Return the plugin as refused: which of two packages was meant is not for us to guess."""
    packages = " and ".join(sorted({first.distribution, second.distribution}))
    problem = f"plugin {first.id}: installed twice, by {packages}; uninstall one of them"
    return replace(first, manifest=None, problem=problem)


def _read(point: EntryPoint) -> Discovered:
    module = point.value.split(":", 1)[0].strip()
    distribution = point.dist.name if point.dist else "unknown"
    package = _package_directory(module.split(".", 1)[0])
    manifest, problem = _manifest(point, package)
    return Discovered(point.name, distribution, package, module, manifest, problem)


def _manifest(point: EntryPoint, package: Path | None) -> tuple[Manifest | None, str | None]:
    file = package / MANIFEST if package else None
    if file is None or not file.is_file():
        where = file or f"the package of {point.value}"
        return None, f"plugin {point.name}: {where} is missing; ship {MANIFEST} inside the wheel's package"
    try:
        manifest = Manifest.parse(
            file.read_bytes(), source=MANIFEST, known_hooks=HOOKS.keys(), known_record_types=RECORD_TABLES.keys()
        )
    except ManifestError as error:
        return None, f"plugin {point.name}: {error}"
    except OSError as error:
        return None, f"plugin {point.name}: {MANIFEST} cannot be read ({error.strerror}); install its package again"
    problem = _identity_problem(point, manifest)
    return (None, problem) if problem else (manifest, None)


def _identity_problem(point: EntryPoint, manifest: Manifest) -> str | None:
    if manifest.id != point.name:
        return (
            f"plugin {point.name}: {MANIFEST}: plugin.id = {manifest.id!r} differs from its entry point "
            f"{point.name!r}; write the same id in both"
        )
    if point.dist is not None and not _same_version(point.dist.version, manifest.version_text):
        return (
            f"plugin {manifest.label}: its package {point.dist.name} says version {point.dist.version}; "
            "write the same version in pyproject.toml and the manifest"
        )
    return None


def _same_version(package: str, manifest: str) -> bool:
    return _normal(package) == _normal(manifest)


def _normal(version: str) -> str:
    """Return a version as installers write it: 1.2.0-rc.1 becomes 1.2.0rc1."""
    public, _, local = version.lower().partition("+")
    public = _PRERELEASE.sub(lambda match: f"{_SHORT.get(match[1], match[1])}{match[2] or 0}", public)
    return f"{public}+{re.sub('[-_]', '.', local)}"


def _package_directory(name: str) -> Path | None:
    """Return the folder of a top-level package; finding its spec does not run its code."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a module that hides where it came from
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
