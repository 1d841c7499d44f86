"""The manifest ``crm-plugin.toml``: what a plugin is, needs, adds and may do, read before any of its code runs."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plugin_sdk._manifest_fields import FieldKind, FieldSpec, Writable, read_fields
from plugin_sdk._manifest_parts import (
    Action,
    ApiGrant,
    Capabilities,
    HookSpec,
    read_capabilities,
    read_hooks,
    read_pii_tables,
    read_requires,
    read_tables,
)
from plugin_sdk._manifest_reader import MISSING, PLUGIN_ID, Problem, Section
from plugin_sdk._manifest_settings import SettingKind, SettingSpec, read_settings, validate_settings
from plugin_sdk.errors import ManifestError, ManifestProblem, RangeError
from plugin_sdk.records import UninstallMode
from plugin_sdk.versions import Range, Version, is_pep440, is_post_release, parse_version

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "FILE_NAME",
    "Action",
    "ApiGrant",
    "Capabilities",
    "FieldKind",
    "FieldSpec",
    "HookSpec",
    "Manifest",
    "ManifestError",
    "ManifestProblem",
    "SettingKind",
    "SettingSpec",
    "UninstallPolicy",
    "Writable",
]

FILE_NAME: Final = "crm-plugin.toml"
UninstallPolicy = UninstallMode

_FORMAT: Final = 1  # of the stored JSON form
_LARGEST: Final = 256 * 1024
_LONGEST_NAME: Final = 100
_LONGEST_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest. Make one with ``parse``, or with ``from_json`` from what ``to_json`` returned."""

    id: str
    name: str
    version: Version
    version_text: str
    summary: str
    sdk: Range
    core: Range
    license: str
    homepage: str
    requirements: tuple[str, ...]
    requires: Mapping[str, Range]
    capabilities: Capabilities
    tables: Mapping[str, str]
    fields: tuple[FieldSpec, ...]
    settings: Mapping[str, SettingSpec]
    hooks: Mapping[str, HookSpec]
    uninstall: UninstallPolicy
    pii_tables: tuple[str, ...]

    @classmethod
    def parse(
        cls,
        data: bytes,
        *,
        source: str = FILE_NAME,
        known_hooks: Collection[str] | None = None,
        known_record_types: Collection[str] | None = None,
    ) -> Manifest:
        """Read a manifest file; raise ManifestError with all its problems.

        Names of hooks and record types are compared with what the core knows where that is given.
        """
        return _build(_load(data, source), source, known_hooks, known_record_types)

    @classmethod
    def from_json(cls, data: Mapping[str, object], *, source: str = "stored manifest") -> Manifest:
        """Read what ``to_json`` returned; raise ManifestError where it is not that."""
        document = dict(data)
        stored = document.pop("format", None)
        if stored != _FORMAT:
            fix = f"store what to_json returns, format {_FORMAT}"
            raise ManifestError((Problem(source, "format", stored, "unknown format", fix),))
        return _build(document, source, None, None)

    @property
    def label(self) -> str:
        """Return the plugin and its version, as in ``loyalty@1.0.0``."""
        return f"{self.id}@{self.version_text}"

    def to_json(self) -> dict[str, object]:
        """Return the manifest as JSON values, so that the host can uninstall a plugin whose code is gone."""
        return {
            "format": _FORMAT,
            "plugin": {
                "id": self.id,
                "name": self.name,
                "version": self.version_text,
                "summary": self.summary,
                "sdk": str(self.sdk),
                "core": str(self.core),
                "license": self.license,
                "homepage": self.homepage,
                "requirements": list(self.requirements),
            },
            "requires": {plugin: str(range_) for plugin, range_ in self.requires.items()},
            "capabilities": self.capabilities.to_json(),
            "tables": dict(self.tables),
            "fields": [field.to_json() for field in self.fields],
            "settings": {key: setting.to_json() for key, setting in self.settings.items()},
            "hooks": {name: hook.to_json() for name, hook in self.hooks.items()},
            "uninstall": {"policy": self.uninstall.value},
            "privacy": {"pii_tables": list(self.pii_tables)},
        }

    def validate_settings(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return a Python value for every declared setting, defaults filled in.

        A setting that is absent or null takes its default, or None where it has none. Raise SettingError with
        all problems at once; unknown settings are problems.
        """
        return validate_settings(self.settings, given)

    def dump_settings(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return settings, after the same checks, as JSON values; secrets are included."""
        return {key: self.settings[key].dump(value) for key, value in self.validate_settings(given).items()}


def _load(data: bytes, source: str) -> dict[str, object]:
    """Read the file as TOML, whatever its bytes."""
    if len(data) > _LARGEST:
        raise _unreadable(source, f"{len(data)} bytes long", f"keep it below {_LARGEST} bytes")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _unreadable(source, f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    except RecursionError as error:
        raise _unreadable(source, "nested too deeply", "write the tables of the partner's guide") from error
    except ValueError as error:  # TOMLDecodeError, or a number longer than Python reads
        raise _unreadable(source, f"not TOML: {error}", "correct the file at that place") from error


def _unreadable(source: str, message: str, fix: str) -> ManifestError:
    return ManifestError((Problem(source, "", MISSING, message, fix),))


def _build(
    document: dict[str, object],
    source: str,
    known_hooks: Collection[str] | None,
    known_record_types: Collection[str] | None,
) -> Manifest:
    problems: list[ManifestProblem] = []
    root = Section(problems, source, "", document)
    manifest = _read(root, known_hooks, known_record_types)
    root.finish()
    if problems:
        raise ManifestError(problems)
    return manifest


def _read(root: Section, hooks: Collection[str] | None, record_types: Collection[str] | None) -> Manifest:
    plugin = root.section("plugin")
    id_ = plugin.name("id", PLUGIN_ID, example="loyalty")
    version, version_text = _read_version(plugin)
    tables = read_tables(root)
    manifest = Manifest(
        id=id_,
        name=plugin.line("name", _LONGEST_NAME, example='"Loyalty points"'),
        version=version,
        version_text=version_text,
        summary=plugin.line("summary", _LONGEST_LINE, example='"Points for orders"'),
        sdk=plugin.range("sdk", example='"^0.1"'),
        core=plugin.range("core", example='">=0.1,<1"'),
        license=plugin.line("license", _LONGEST_NAME, example='"Apache-2.0"', required=False),
        homepage=_read_homepage(plugin),
        requirements=tuple(text for _, text in plugin.texts("requirements", example='["REQ-7"]')),
        requires=read_requires(root, id_),
        capabilities=read_capabilities(root, record_types),
        tables=tables,
        fields=read_fields(root, record_types),
        settings=read_settings(root),
        hooks=read_hooks(root, id_, hooks, record_types),
        uninstall=_read_policy(root),
        pii_tables=read_pii_tables(root, tables),
    )
    plugin.finish()
    return manifest


def _read_version(plugin: Section) -> tuple[Version, str]:
    text = plugin.need("version", str, example='"1.0.0"')
    try:
        version = parse_version(text if text is not None else "0.0.0")
    except RangeError:
        plugin.report("version", "not a SemVer version", 'write three numbers, e.g. "1.0.0"')
        return Version(0), ""
    fix = 'write a prerelease as "-a.1", "-b.1" or "-rc.1"'
    if text is not None and not is_pep440(text):
        plugin.report("version", "not a version to Python installers (PEP 440)", fix)
    elif text is not None and is_post_release(text):
        plugin.report("version", "a prerelease to SemVer, a post-release to Python installers", fix)
    return version, text or ""


def _read_homepage(plugin: Section) -> str:
    homepage = plugin.line("homepage", _LONGEST_LINE, example='"https://example.com"', required=False)
    # The console shows it as a link, so no other scheme may get through.
    if homepage and not homepage.startswith(("https://", "http://")):
        plugin.report("homepage", "not a web address", 'start it with "https://"')
    return homepage


def _read_policy(root: Section) -> UninstallPolicy:
    section = root.section("uninstall")
    policy = section.member("policy", UninstallPolicy, example="keep", default=UninstallPolicy.KEEP)
    section.finish()
    return policy or UninstallPolicy.KEEP
