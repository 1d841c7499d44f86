"""What a machine can check of any plugin: inherit ``PluginContract`` in the plugin's tests.

.. code-block:: python

    class TestContract(PluginContract):
        plugin = "loyalty"
"""

from __future__ import annotations

import json
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import plugin_sdk
from plugin_sdk.errors import SettingError
from plugin_sdk.manifest import Manifest, Writable
from plugin_sdk.testing import checks
from plugin_sdk.testing.installed import InstalledPlugin, installed_plugin, plugin_of_project, project_folders
from plugin_sdk.testing.records import PATHS, create_minimal, sample_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugin_sdk.testing.tenant import Crm

__all__ = ["PluginContract"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class PluginContract:
    """The tests every plugin passes; ``plugin`` is its id.

    ``settings`` are used to enable it, where it has required ones. ``record_values`` and ``field_values`` replace, by
    record type, what records are created with, where the plugin's own rules refuse a minimal record.
    """

    plugin: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = _NOTHING
    record_values: ClassVar[Mapping[str, Mapping[str, Any]]] = _NOTHING
    field_values: ClassVar[Mapping[str, Mapping[str, Any]]] = _NOTHING

    @pytest.fixture
    def installed(self) -> InstalledPlugin:
        """Find the plugin's package."""
        return installed_plugin(self.plugin)

    @pytest.fixture
    def manifest(self, installed: InstalledPlugin) -> Manifest:
        """Read the plugin's manifest."""
        return installed.manifest

    def test_the_manifest_has_no_problems(self, installed: InstalledPlugin) -> None:
        """The manifest can be read and carries the id of the entry point."""
        _none(checks.manifest_problems(installed))

    def test_package_and_manifest_have_one_version(self, installed: InstalledPlugin) -> None:
        """The version of the package is that of the manifest."""
        _none(checks.version_problems(installed))

    def test_the_sdk_in_use_is_in_the_declared_range(self, manifest: Manifest) -> None:
        """The manifest admits the SDK that the tests run with."""
        _none(checks.range_problems(manifest, plugin_sdk.__version__))

    def test_hooks_are_declared_and_implemented_alike(self, installed: InstalledPlugin) -> None:
        """Every implementation fits the contract's arguments and is declared, and the other way round."""
        _none(checks.hook_problems(installed))

    def test_documents_mention_the_version(
        self, installed: InstalledPlugin, manifest: Manifest, request: pytest.FixtureRequest
    ) -> None:
        """README and CHANGELOG are up to date; an installed package without its repository has neither."""
        folders = project_folders(request.path.parent, request.config.rootpath)
        checkout = next((folder for folder in folders if plugin_of_project(folder) == installed.id), None)
        if checkout is None:
            pytest.skip(f"{request.path.parent} is not inside a checkout of {installed.distribution}")
        _none(checks.document_problems(checkout, manifest.version_text))

    def test_settings_are_valid_with_their_defaults(self, manifest: Manifest) -> None:
        """The declared defaults, with the settings of this test, are what the plugin will see."""
        _none(checks.setting_problems(manifest, self.settings))

    def test_tables_are_those_declared(self, manifest: Manifest, crm: Crm) -> None:
        """The migrations make the tables of the manifest and no others."""
        _none(checks.table_problems(manifest, crm.show()["tables"]))

    def test_enabling_concerns_one_tenant_and_can_be_repeated(self, crm: Crm) -> None:
        """Enable, disable, enable; another tenant's plugins and records stay as they are."""
        other = crm.another()
        record = create_minimal(other.client, "account")
        before = other.plugins()
        for step in (True, False, True):
            self._enable(crm) if step else crm.disable()
            _none([] if crm.is_enabled() is step else [f"after {'enable' if step else 'disable'} it is not so"])
        _same("the plugins of another tenant", before, other.plugins())
        _same("a record of another tenant", record, other.client.read(PATHS["account"], record["id"]))

    def test_every_field_can_be_read_and_written(self, manifest: Manifest, crm: Crm) -> None:
        """Every declared field is part of a created record, and what the API may write comes back."""
        self._enable(crm)
        for record_type in _record_types(manifest):
            record = self._create(crm, manifest, record_type)
            fields = crm.client.read(PATHS[record_type], record["id"])["plugins"].get(self.plugin, {})
            _none(checks.field_problems(manifest, record_type, self._values(manifest, record_type), fields))

    def test_uninstalling_keeps_field_values_for_the_next_install(self, manifest: Manifest, crm: Crm) -> None:
        """Uninstall keeping the data, install again: the same values."""
        self._enable(crm)
        records = [(one, self._create(crm, manifest, one)["id"]) for one in _record_types(manifest)]
        before = [crm.client.read(PATHS[one], record_id)["plugins"] for one, record_id in records]
        crm.uninstall()
        crm.install()
        if not crm.is_enabled():
            self._enable(crm)
        after = [crm.client.read(PATHS[one], record_id)["plugins"] for one, record_id in records]
        _none([] if crm.is_enabled() else [f"{self.plugin} is not enabled after uninstall, install and enable"])
        _same("the plugins' fields", before, after)

    def test_secrets_are_never_shown(self, manifest: Manifest, crm: Crm) -> None:
        """No value of a secret setting is in ``crm plugin show`` or in ``GET /api/v1/plugins``."""
        secrets = {key: self._secret(manifest, key) for key, spec in manifest.settings.items() if spec.secret}
        self._enable(crm, **secrets)
        shown = {"crm plugin show": json.dumps(crm.show()), "GET /api/v1/plugins": json.dumps(crm.plugins())}
        _none(
            f"{where} shows the secret setting {key}"
            for where, text in shown.items()
            for key, secret in secrets.items()
            if json.dumps(secret)[1:-1] in text
        )

    def _enable(self, crm: Crm, **settings: Any) -> None:
        crm.enable(**{**self.settings, **settings})

    def _secret(self, manifest: Manifest, key: str) -> str:
        """Return a value for a secret setting that occurs nowhere else."""
        if key in self.settings:
            return str(self.settings[key])
        secret = uuid.uuid4().hex
        try:
            manifest.settings[key].validate(secret)
        except SettingError as error:
            pytest.fail(f"{error}\ngive this contract test a value: settings = {{{key!r}: ...}}", pytrace=False)
        return secret

    def _create(self, crm: Crm, manifest: Manifest, record_type: str) -> dict[str, Any]:
        values = self._values(manifest, record_type)
        plugins = {"plugins": {self.plugin: values}} if values else {}
        return create_minimal(crm.client, record_type, **self.record_values.get(record_type, {}), **plugins)

    def _values(self, manifest: Manifest, record_type: str) -> dict[str, Any]:
        """Return what to write into the fields of a record."""
        mine = [one for one in manifest.fields if one.record_type == record_type and one.writable is Writable.API]
        return {one.key: sample_value(one) for one in mine} | dict(self.field_values.get(record_type, {}))


def _record_types(manifest: Manifest) -> list[str]:
    return sorted({field.record_type for field in manifest.fields})


def _none(problems: Iterable[str]) -> None:
    """Fail with all problems, if there are any."""
    found = list(problems)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def _same(what: str, expected: object, found: object) -> None:
    if expected != found:
        pytest.fail(f"{what} differ:\n  expected {expected!r}\n  found    {found!r}", pytrace=False)
