"""Load resolved plugins: import, registration and validation by pluggy, their own check."""

from __future__ import annotations

import importlib
import inspect
import platform
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pluggy

import plugin_sdk
from crm_core.isolation.inspection import implementations
from crm_core.isolation.remote import RemoteFunction
from crm_core.plugin_host import contract, isolated
from crm_core.plugin_host.contract import Unusable
from crm_core.plugin_host.guard import safe_text
from crm_core.plugin_host.memory import Patched, untouched
from crm_core.plugin_host.ordering import in_declared_order
from crm_core.plugin_host.results import checked
from crm_core.plugin_host.tiers import Tier
from crm_core.settings import Settings
from plugin_sdk import HOOKS, Environment, Level, hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crm_core.isolation.remote import RemotePlugin
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.plugin_host.tiers import Choice
    from plugin_sdk import Manifest

_ASKED_AT_LOAD = frozenset({"plugin_check", "routes", "scheduled_jobs"})


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin that can be called: its code runs in this process (``module``) or in workers (``remote``)."""

    id: str
    label: str
    manifest: Manifest
    module: object
    tier: Tier = Tier.IN_PROCESS
    remote: RemotePlugin | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One implementation of one hook: what to call, and which of the hook's arguments it takes."""

    plugin: LoadedPlugin
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    record_types: frozenset[str] | None
    priority: int | None
    pick: Callable[[Mapping[str, Any]], Sequence[Any]] = field(init=False, compare=False)
    """Returns the values to call it with, of all those there are by name."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pick", _picking(self.arguments))


def _picking(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: [given[name] for name in names]


@dataclass(slots=True)
class Registry:
    """Every loaded plugin and its implementations by hook, in their declared order."""

    plugins: dict[str, LoadedPlugin] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    calls: dict[str, tuple[Call, ...]] = field(default_factory=dict)
    collected: dict[str, dict[str, Sequence[Any]]] = field(default_factory=lambda: {"routes": {}, "scheduled_jobs": {}})
    """What plugins answered to the hooks that are asked once, at start-up, by hook and plugin."""
    choices: Mapping[str, Choice] = field(default_factory=dict)
    """Where the plugins of this environment run and why, loaded or not."""

    def own_calls(self, hook: str, plugin: str) -> tuple[Call, ...]:
        """Return the implementation of one plugin, if it has one."""
        return tuple(call for call in self.calls.get(hook, ()) if call.plugin.id == plugin)

    def close(self) -> None:
        """End the workers of isolated plugins."""
        for plugin in self.plugins.values():
            if plugin.remote is not None:
                plugin.remote.close()


def load(
    plugins: Sequence[Discovered],
    *,
    core_version: str,
    database: str,
    tiers: Mapping[str, Tier] | None = None,
    settings: Settings | None = None,
) -> Registry:
    """Import and register plugins in the given order; a plugin that fails is refused and the rest go on.

    A plugin that ``tiers`` does not name runs in process; ``settings`` say what a worker may have.
    """
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
            if tiers is not None and tiers.get(plugin.id) is Tier.ISOLATED:
                loaded, calls, collected = _isolated(plugin, plugin.manifest, environment, settings or Settings())
            else:
                with _unpatched(plugin):
                    loaded = _imported(manager, plugin, plugin.manifest)
                    calls = _calls(manager, loaded)
                    collected = _collected(calls, environment, _ask)
        except Unusable as unusable:
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


@contextmanager
def _unpatched(plugin: Discovered) -> Iterator[None]:
    """Refuse a plugin whose code patches the core when it is imported or asked; it is imported anew next time."""
    try:
        with untouched():
            yield
    except Patched as patched:
        package = plugin.module.partition(".")[0]
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
        raise Unusable([str(patched)]) from patched


def _imported(manager: pluggy.PluginManager, plugin: Discovered, manifest: Manifest) -> LoadedPlugin:
    """Import a plugin's module, check its hooks against the contract and register it."""
    try:
        module = importlib.import_module(plugin.module)
        problems = list(contract.problems(implementations(module), manifest))
        if not problems:
            manager.register(module, name=plugin.id)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Unusable([f"{plugin.module} cannot be loaded: {safe_text(error)}"]) from error
    if problems:
        raise Unusable(problems)
    return LoadedPlugin(plugin.id, plugin.label, manifest, module)


def _calls(manager: pluggy.PluginManager, loaded: LoadedPlugin) -> dict[str, Call]:
    """Return what to call of a plugin, by hook."""
    calls: dict[str, Call] = {}
    for caller in manager.get_hookcallers(loaded.module) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is loaded.module:
                function = implementation.function
                arguments = tuple(inspect.signature(function).parameters)
                calls[caller.name] = _call(loaded, caller.name, function, arguments)
    return calls


def _call(loaded: LoadedPlugin, hook: str, function: Callable[..., Any], arguments: tuple[str, ...]) -> Call:
    spec = loaded.manifest.hooks[hook]
    record_types = frozenset(spec.record_types) if spec.record_types is not None else None
    return Call(loaded, function, arguments, record_types, spec.priority)


def _isolated(
    plugin: Discovered, manifest: Manifest, environment: Environment, settings: Settings
) -> tuple[LoadedPlugin, dict[str, Call], dict[str, Sequence[Any]]]:
    """Start the plugin in a worker and return what ``_imported``, ``_calls`` and ``_collected`` do."""
    remote = isolated.start(plugin, manifest, settings)
    try:
        loaded = LoadedPlugin(plugin.id, plugin.label, manifest, None, Tier.ISOLATED, remote)
        calls = {
            each.hook: _call(loaded, each.hook, RemoteFunction(remote, "hook", each.hook), isolated.arguments(each))
            for each in remote.implementations
        }
        return loaded, calls, _collected(calls, environment, lambda hook, _, given: isolated.asked(remote, hook, given))
    except BaseException:
        remote.close()
        raise


def _ask(hook: str, call: Call, given: Sequence[Any]) -> Sequence[Any]:
    return checked(hook, call.function(*given)) or ()


def _collected(
    calls: Mapping[str, Call], environment: Environment, ask: Callable[[str, Call, Sequence[Any]], Sequence[Any]]
) -> dict[str, Sequence[Any]]:
    """Ask the hooks of the point ``load``, the plugin's own check first; raises Unusable."""
    collected: dict[str, Sequence[Any]] = {}
    for hook in sorted(calls.keys() & _ASKED_AT_LOAD):
        call = calls[hook]
        given = [environment for name in call.arguments if name == "environment"]
        try:
            collected[hook] = ask(hook, call, given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise Unusable([f"{hook} failed: {safe_text(error)}"]) from error
    errors = [issue for issue in collected.pop("plugin_check", ()) if issue.level is Level.ERROR]
    problems = [f"plugin_check: {issue.message}" for issue in errors]
    problems += contract.job_problems(collected.get("scheduled_jobs", ()))
    problems += contract.route_problems(collected.get("routes", ()))
    if problems:
        raise Unusable(problems)
    return collected


def settings_of(plugin: LoadedPlugin, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tenant's settings with the manifest's defaults filled in."""
    return plugin.manifest.validate_settings(stored)
