"""Load resolved plugins: import, registration and validation by pluggy, their own check."""

from __future__ import annotations

import importlib
import platform
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

import plugin_sdk
from crm_core.plugin_host import contract
from crm_core.plugin_host.guard import safe_text
from crm_core.plugin_host.ordering import in_declared_order
from crm_core.plugin_host.results import checked
from plugin_sdk import HOOKS, Environment, Level, hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from crm_core.plugin_host.discovery import Discovered
    from plugin_sdk import Manifest

_ASKED_AT_LOAD = frozenset({"plugin_check", "routes", "scheduled_jobs"})


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin whose code runs in this process."""

    id: str
    label: str
    manifest: Manifest
    module: object


@dataclass(frozen=True, slots=True)
class Call:
    """One implementation of one hook: what to call, and which of the hook's arguments it takes."""

    plugin: LoadedPlugin
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    record_types: frozenset[str] | None
    priority: int | None


@dataclass(slots=True)
class Registry:
    """Every loaded plugin and its implementations by hook, in their declared order."""

    plugins: dict[str, LoadedPlugin] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    calls: dict[str, tuple[Call, ...]] = field(default_factory=dict)
    collected: dict[str, dict[str, Sequence[Any]]] = field(default_factory=lambda: {"routes": {}, "scheduled_jobs": {}})
    """What plugins answered to the hooks that are asked once, at start-up, by hook and plugin."""

    def own_calls(self, hook: str, plugin: str) -> tuple[Call, ...]:
        """Return the implementation of one plugin, if it has one."""
        return tuple(call for call in self.calls.get(hook, ()) if call.plugin.id == plugin)


def load(plugins: Sequence[Discovered], *, core_version: str, database: str) -> Registry:
    """Import and register plugins in the given order; a plugin that fails is refused and the rest go on."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    versions = {plugin.id: plugin.manifest.version_text for plugin in plugins if plugin.manifest}
    environment = Environment(core_version, plugin_sdk.__version__, database, platform.python_version(), versions)
    found: dict[str, dict[str, Call]] = {hook: {} for hook in HOOKS}
    for plugin in plugins:
        if plugin.manifest is None:
            continue
        blocker = min((needed for needed in plugin.manifest.requires if needed in registry.refused), default=None)
        if blocker:
            reason = f"{plugin.label} needs {blocker}, which is refused: {registry.refused[blocker]}"
            registry.refused[plugin.id] = reason
            continue
        try:
            loaded = _imported(manager, plugin, plugin.manifest)
            calls = _calls(manager, loaded)
            collected = _collected(calls, environment)
        except _Unusable as unusable:
            registry.refused[plugin.id] = "; ".join(f"{plugin.label}: {problem}" for problem in unusable.problems)
            continue
        registry.plugins[plugin.id] = loaded
        for hook, call in calls.items():
            found[hook][plugin.id] = call
        for hook, values in collected.items():
            registry.collected[hook][plugin.id] = values
    for hook, by_plugin in found.items():
        order = in_declared_order(hook, (registry.plugins[name].manifest for name in by_plugin))
        registry.calls[hook] = tuple(by_plugin[name] for name in order)
    return registry


class _Unusable(Exception):
    """A plugin that is refused, with everything found wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def _imported(manager: pluggy.PluginManager, plugin: Discovered, manifest: Manifest) -> LoadedPlugin:
    """Import a plugin's module, check its hooks against the contract and register it."""
    try:
        module = importlib.import_module(plugin.module)
        problems = list(contract.problems(manager, module, manifest))
        if not problems:
            manager.register(module, name=plugin.id)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _Unusable([f"{plugin.module} cannot be loaded: {safe_text(error)}"]) from error
    if problems:
        raise _Unusable(problems)
    return LoadedPlugin(plugin.id, plugin.label, manifest, module)


def _calls(manager: pluggy.PluginManager, loaded: LoadedPlugin) -> dict[str, Call]:
    """Return what to call of a plugin, by hook."""
    calls: dict[str, Call] = {}
    for caller in manager.get_hookcallers(loaded.module) or ():
        spec = loaded.manifest.hooks[caller.name]
        record_types = frozenset(spec.record_types) if spec.record_types is not None else None
        for implementation in caller.get_hookimpls():
            if implementation.plugin is loaded.module:
                arguments = contract.arguments_of(implementation.function)
                calls[caller.name] = Call(loaded, implementation.function, arguments, record_types, spec.priority)
    return calls


def _collected(calls: Mapping[str, Call], environment: Environment) -> dict[str, Sequence[Any]]:
    """Ask the hooks of the point ``load``, the plugin's own check first; raises _Unusable."""
    collected: dict[str, Sequence[Any]] = {}
    for hook in sorted(calls.keys() & _ASKED_AT_LOAD):
        call = calls[hook]
        given = [environment for name in call.arguments if name == "environment"]
        try:
            collected[hook] = checked(hook, call.function(*given)) or ()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _Unusable([f"{hook} failed: {safe_text(error)}"]) from error
    errors = [issue for issue in collected.pop("plugin_check", ()) if issue.level is Level.ERROR]
    problems = [f"plugin_check: {issue.message}" for issue in errors]
    problems += contract.job_problems(collected.get("scheduled_jobs", ()))
    problems += contract.route_problems(collected.get("routes", ()))
    if problems:
        raise _Unusable(problems)
    return collected


def settings_of(plugin: LoadedPlugin, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tenant's settings with the manifest's defaults filled in."""
    return plugin.manifest.validate_settings(stored)
