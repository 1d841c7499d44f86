"""What can be said of a plugin without a core: each check returns the problems it found, in sentences."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any, Final

import pluggy
from packaging.version import Version

from plugin_sdk import hookspecs
from plugin_sdk.errors import FieldValueError, ManifestError, SettingError
from plugin_sdk.hookspecs import HOOKS
from plugin_sdk.manifest import FILE_NAME
from plugin_sdk.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from plugin_sdk.manifest import Manifest
    from plugin_sdk.testing.installed import InstalledPlugin

__all__ = [
    "document_problems",
    "field_problems",
    "hook_problems",
    "manifest_problems",
    "range_problems",
    "setting_problems",
    "table_problems",
    "version_problems",
]

_DOCUMENTS: Final = ("README.md", "CHANGELOG.md")
# Tables that the host makes in the namespace of a plugin.
_HOST_TABLES: Final = re.compile(r".*_fields|alembic_version")


def manifest_problems(plugin: InstalledPlugin) -> list[str]:
    """Return what is wrong with the manifest."""
    try:
        manifest = plugin.manifest
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    if manifest.id != plugin.id:
        return [f"{FILE_NAME}: plugin.id = {manifest.id!r} differs from the entry point {plugin.id!r}; write one id"]
    return []


def version_problems(plugin: InstalledPlugin) -> list[str]:
    """Return whether package and manifest disagree about the version; 1.0.0-rc.1 is 1.0.0rc1 to installers."""
    manifest = plugin.manifest.version_text
    if Version(plugin.version) == Version(manifest):
        return []
    problem = f"the package {plugin.distribution} has version {plugin.version}, {FILE_NAME} {manifest}"
    return [f"{problem}; write one version in both and install the package again"]


def range_problems(manifest: Manifest, sdk_version: str) -> list[str]:
    """Return whether the manifest refuses the SDK the tests run with."""
    if manifest.sdk.contains(parse_version(sdk_version)):
        return []
    return [f'{FILE_NAME}: plugin.sdk = "{manifest.sdk}" keeps out SDK {sdk_version}, which the tests run with']


def hook_problems(plugin: InstalledPlugin) -> list[str]:
    """Import the plugin's hooks and return where they differ from the contract or from the manifest."""
    module = importlib.import_module(plugin.module)
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=plugin.id)
    except pluggy.PluginValidationError as error:
        return [f"{plugin.module}: {error}"]
    implemented = {caller.name for caller in manager.get_hookcallers(module) or ()}
    return [*_undeclared(plugin.module, implemented, plugin.manifest.hooks)]


def _undeclared(module: str, implemented: set[str], declared: Mapping[str, Any]) -> Iterable[str]:
    for name in sorted(implemented - HOOKS.keys()):
        yield f"{module}: implements {name}, which is no hook of this SDK; see the list in the partner's guide"
    for name in sorted(implemented & HOOKS.keys() - declared.keys()):
        yield f"{module}: implements {name} without declaring it; add [hooks.{name}] to {FILE_NAME}"
    for name in sorted(declared.keys() - implemented):
        yield f"{FILE_NAME}: hooks.{name}: not implemented in {module}; mark the function with @hookimpl or remove it"


def document_problems(checkout: Path, version: str) -> list[str]:
    """Return which of the documents of a checkout are missing or do not mention the version."""
    mention = re.compile(rf"(?<![0-9A-Za-z.])v?{re.escape(version)}(?![0-9A-Za-z]|[.-][0-9A-Za-z])")
    problems = []
    for name in _DOCUMENTS:
        file = checkout / name
        if not file.is_file():
            problems.append(f"{name} is missing beside pyproject.toml; write one")
        elif not mention.search(file.read_text("utf-8")):
            problems.append(f"{name} does not mention version {version}; bring it up to date")
    return problems


def table_problems(manifest: Manifest, existing: Iterable[str]) -> list[str]:
    """Return which own tables are declared but missing, or exist undeclared."""
    prefix = f"plg_{manifest.id}"
    names = {name.removeprefix(f"{prefix}.").removeprefix(f"{prefix}__") for name in existing}
    found = {name for name in names if not _HOST_TABLES.fullmatch(name)}
    missing = [
        f"{FILE_NAME}: tables.{name}: no migration makes it; add one or remove it"
        for name in sorted(manifest.tables.keys() - found)
    ]
    undeclared = [
        f"table {name} exists but is not declared; add it to [tables] of {FILE_NAME}"
        for name in sorted(found - manifest.tables.keys())
    ]
    return missing + undeclared


def field_problems(
    manifest: Manifest, record_type: str, written: Mapping[str, Any], read: Mapping[str, Any]
) -> list[str]:
    """Return which fields of a record are missing, undeclared, or came back as something else than was written."""
    specs = {field.key: field for field in manifest.fields if field.record_type == record_type}
    problems = [
        f"{record_type}.{key}: declared, but no part of the record" for key in sorted(specs.keys() - read.keys())
    ]
    problems += [
        f"{record_type}.{key}: part of the record, but not declared" for key in sorted(read.keys() - specs.keys())
    ]
    for key in sorted(written.keys() & specs.keys() & read.keys()):
        try:
            same = specs[key].validate(read[key]) == specs[key].validate(written[key])
        except FieldValueError as error:
            problems.append(f"{error} (a value the field itself refuses; wrote {written[key]!r}, read {read[key]!r})")
        else:
            problems += [] if same else [f"{record_type}.{key}: wrote {written[key]!r}, read {read[key]!r}"]
    return problems


def setting_problems(manifest: Manifest, settings: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with settings, their defaults filled in, as they are and as they come back from storage."""
    try:
        manifest.validate_settings(manifest.dump_settings(settings))
    except SettingError as error:
        return str(error).splitlines()
    return []
