from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crm_core import __version__
from crm_core.plugin_host.install import install, uninstall
from crm_core.plugins.listing import overview
from crm_core.runtime import opened
from crm_core.settings import Settings
from tests.support.app import run
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin

_HOOKS = "from plugin_sdk import hookimpl\n@hookimpl\ndef record_validate(new): ..."
_ON_ALL = "[hooks.record_validate]\n"


def _settings(url: str, **options: Any) -> Settings:
    return Settings(database_url=url, plugin_tier="in_process", **options)


def put(url: str, *plugins: Discovered) -> None:
    for plugin in plugins:
        install(url, plugins, plugin.id, core_version=__version__, actor="tester")


async def _told(url: str, *found: Discovered) -> dict[str, tuple[str, str | None]]:
    async with opened(_settings(url, background=False), discovered=found) as runtime:
        registry = runtime.host.registry

        def read(connection: Any) -> list[dict[str, Any]]:
            return overview(connection, registry, found)

        entries = await runtime.database.run(read, tenant_id=None, write=False)
        return {each["id"]: (each["state"], each["reason"]) for each in entries}


def test_plugins_that_contradict_each_other_do_not_take_the_process_down(
    database_url: str, make_plugin: MakePlugin
) -> None:
    installed = [make_plugin(name, _HOOKS, _ON_ALL) for name in ("a1", "b1", "c1")]
    put(database_url, *installed)
    orders = {"a1": 'before = ["b1"]', "b1": 'before = ["a1"]', "c1": 'after = ["a1"]'}
    found = [replace(each, manifest=manifest(each.id, _ON_ALL + orders[each.id])) for each in installed]
    reason = "before/after of a1, b1 contradict each other in record_validate; change one of their manifests"
    assert run(_told(database_url, *found)) == {
        "a1": ("refused", f"a1@1.0.0: {reason}"),
        "b1": ("refused", f"b1@1.0.0: {reason}"),
        "c1": ("loaded", None),
    }


def test_every_plugin_has_a_state_and_a_reason_to_act_on(database_url: str, make_plugin: MakePlugin) -> None:
    names = ("loaded", "newer", "broken", "gone", "removed")
    installed = {name: make_plugin(name, "") for name in names}
    put(database_url, *installed.values())
    uninstall(database_url, "removed", drop=False, actor="tester")
    found = [
        installed["loaded"],
        make_plugin("newer", "", version="1.1.0"),
        make_plugin("broken", "raise RuntimeError('no licence')"),
        make_plugin("fresh", ""),
        replace(make_plugin("unreadable", ""), manifest=None, problem="plugin unreadable: not TOML"),
    ]
    assert run(_told(database_url, *found)) == {
        "loaded": ("loaded", None),
        "newer": (
            "refused",
            (
                "newer@1.1.0: the database has version 1.0.0; run crm plugin upgrade newer "
                "or bring back the package of 1.0.0"
            ),
        ),
        "broken": ("refused", f"broken@1.0.0: {found[2].module} cannot be loaded: RuntimeError: no licence"),
        "gone": ("orphaned", "its package is gone; install the package of version 1.0.0 or uninstall gone"),
        "removed": ("removed", "its data is kept in plg_removed"),
        "fresh": ("discovered", "run crm plugin install fresh"),
        "unreadable": ("refused", "plugin unreadable: not TOML"),
    }
