"""Plugins that are installed as packages beside the tests: their manifests and versions, read without their code."""

from __future__ import annotations

import importlib.util
import tomllib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from plugin_sdk.hookspecs import HOOKS
from plugin_sdk.manifest import FILE_NAME, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GROUP", "InstalledPlugin", "PluginNotFound", "installed_plugin", "plugin_of_project", "with_required"]

GROUP: Final = "crm.plugins"


class PluginNotFound(Exception):
    """No plugin, or more than one, where a test needs exactly one; the text says what to do."""


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One installed plugin; ``module`` is what its entry point names, ``folder`` holds its manifest."""

    id: str
    distribution: str
    version: str
    module: str
    folder: Path

    @property
    def manifest(self) -> Manifest:
        """Read the manifest; raise ManifestError with all its problems."""
        return Manifest.parse((self.folder / FILE_NAME).read_bytes(), source=FILE_NAME, known_hooks=HOOKS.keys())


def installed_plugin(plugin_id: str) -> InstalledPlugin:
    """Return the installed plugin of that id."""
    points = _points()
    found = [point for point in points if point.name == plugin_id]
    if len(found) != 1:
        many = f"is the entry point of {len(found)} packages; keep one" if found else "is not installed"
        names = ", ".join(sorted({point.name for point in points})) or "none"
        raise PluginNotFound(
            f"plugin {plugin_id} {many}; install its package into this environment (installed plugins: {names})"
        )
    return _describe(found[0])


def plugin_of_project(folder: Path) -> str | None:
    """Return the plugin whose package the project in a folder builds, None where there is no such project."""
    name = _project_name(folder)
    if name is None:
        return None
    found = sorted(
        point.name
        for point in _points()
        if point.dist and canonicalize_name(point.dist.name) == canonicalize_name(name)
    )
    if len(found) > 1:
        raise PluginNotFound(f"{name} has the plugins {', '.join(found)}; write which one is tested: crm_plugin = ...")
    return found[0] if found else None


def with_required(plugin_id: str) -> list[str]:
    """Return a plugin and the plugins it requires, each after those it requires itself."""
    order: list[str] = []
    _visit(plugin_id, order, ())
    return order


def _visit(plugin_id: str, order: list[str], path: tuple[str, ...]) -> None:
    if plugin_id in path:
        raise PluginNotFound(f"plugins require each other: {' -> '.join([*path, plugin_id])}; remove one [requires]")
    if plugin_id in order:
        return
    for needed in sorted(installed_plugin(plugin_id).manifest.requires):
        _visit(needed, order, (*path, plugin_id))
    order.append(plugin_id)


def _points() -> list[EntryPoint]:
    # An editable install may be found twice, through its folder and through its metadata.
    unique = {(point.name, point.value, _owner(point)): point for point in entry_points(group=GROUP)}
    return [unique[key] for key in sorted(unique)]


def _owner(point: EntryPoint) -> str:
    return str(canonicalize_name(point.dist.name)) if point.dist else ""


def _describe(point: EntryPoint) -> InstalledPlugin:
    module = point.value.partition(":")[0].strip()
    # Looking up a top-level package does not run its code.
    spec = importlib.util.find_spec(module.partition(".")[0])
    folder = next((Path(one) for one in (spec.submodule_search_locations or ()) if one), None) if spec else None
    if folder is None or not (folder / FILE_NAME).is_file():
        raise PluginNotFound(
            f"plugin {point.name}: no {FILE_NAME} in the package of {module} ({folder}); ship it inside the package"
        )
    if point.dist is None:
        raise PluginNotFound(f"plugin {point.name} belongs to no distribution; install its package")
    return InstalledPlugin(point.name, point.dist.name, point.dist.version, module, folder)


def project_folders(start: Path, top: Path) -> Iterator[Path]:
    """Iterate over the folders with a pyproject.toml from a folder upwards, up to the top one."""
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            yield folder
        if folder == top:
            return


def _project_name(folder: Path) -> str | None:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return None
    name = tomllib.loads(file.read_text("utf-8")).get("project", {}).get("name")
    return name if isinstance(name, str) else None
