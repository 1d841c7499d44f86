"""Load resolved plugins: import, registration and validation by pluggy, their own check."""

from __future__ import annotations

import importlib
import platform
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

import plugin_sdk
from crm_core.plugin_host.guard import safe_text
from crm_core.plugin_host.ordering import in_declared_order
from plugin_sdk import HOOKS, Environment, Level, hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from crm_core.plugin_host.discovery import Discovered
    from plugin_sdk import Manifest


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
    for plugin in plugins:
        if plugin.manifest is None:
            continue
        blocker = next((needed for needed in plugin.manifest.requires if needed in registry.refused), None)
        reason = f"{plugin.label} needs {blocker}, which is refused" if blocker else None
        reason = reason or _load_one(manager, registry, plugin, plugin.manifest, environment)
        if reason:
            registry.refused[plugin.id] = reason
    manager.check_pending()
    for hook in HOOKS:
        registry.calls[hook] = _calls(manager, registry, hook)
    return registry


def _load_one(
    manager: pluggy.PluginManager, registry: Registry, plugin: Discovered, manifest: Manifest, environment: Environment
) -> str | None:
    """Load one plugin; return why it is refused, None if it is loaded."""
    try:
        module = importlib.import_module(plugin.module)
        manager.register(module, name=plugin.id)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything
        return f"{plugin.label}: {plugin.module} cannot be loaded: {safe_text(error)}"
    problems = [*_contract_problems(manager, module, manifest), *_check_problems(module, environment)]
    if problems:
        manager.unregister(module)
        return "; ".join(f"{plugin.label}: {problem}" for problem in problems)
    registry.plugins[plugin.id] = LoadedPlugin(plugin.id, plugin.label, manifest, module)
    return None


def _contract_problems(manager: pluggy.PluginManager, module: object, manifest: Manifest) -> Iterable[str]:
    implemented = set()
    for caller in manager.get_hookcallers(module) or ():
        implemented.add(caller.name)
        if not caller.has_spec():
            yield f"implements the unknown hook {caller.name}; see the list of hooks in the SDK guide"
        for implementation in caller.get_hookimpls():
            if implementation.plugin is module:
                yield from _option_problems(caller.name, implementation)
    for name in sorted(implemented & HOOKS.keys() - manifest.hooks.keys()):
        yield f"implements {name} without declaring it; add [hooks.{name}] to crm-plugin.toml"
    for name in sorted(manifest.hooks.keys() - implemented):
        yield f"declares {name} but does not implement it; remove [hooks.{name}] or mark the function with @hookimpl"


def _option_problems(name: str, implementation: Any) -> Iterable[str]:
    if implementation.wrapper or implementation.hookwrapper:
        yield f"wraps {name}; wrappers are not part of the contract, return a patch or issues instead"
    if implementation.tryfirst or implementation.trylast:
        yield f"orders {name} by tryfirst/trylast; declare before/after in [hooks.{name}] instead"


def _check_problems(module: object, environment: Environment) -> Iterable[str]:
    check = getattr(module, "plugin_check", None)
    if check is None:
        return
    try:
        issues = check(environment) or ()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything
        yield f"plugin_check failed: {safe_text(error)}"
        return
    yield from (f"plugin_check: {issue.message}" for issue in issues if issue.level is Level.ERROR)


def _calls(manager: pluggy.PluginManager, registry: Registry, hook: str) -> tuple[Call, ...]:
    definition = HOOKS[hook]
    calls: dict[str, Call] = {}
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        plugin = registry.plugins[implementation.plugin_name]
        spec = plugin.manifest.hooks[hook]
        record_types = frozenset(spec.record_types) if spec.record_types is not None else None
        arguments = tuple(name for name in definition.arguments if name in implementation.argnames)
        calls[plugin.id] = Call(plugin, implementation.function, arguments, record_types, spec.priority)
    return in_declared_order(hook, calls)


def settings_of(plugin: LoadedPlugin, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tenant's settings with the manifest's defaults filled in."""
    return plugin.manifest.validate_settings(stored)
