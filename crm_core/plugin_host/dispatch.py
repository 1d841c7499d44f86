"""Call the hooks of the plugins one tenant has enabled, and merge or collect what they return."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from crm_core.db.values import shown
from crm_core.errors import HookFailed, PatchConflict, Refused
from crm_core.plugin_host.breaker import Phase
from crm_core.plugin_host.budgets import Meter
from crm_core.plugin_host.guard import SKIPPED
from crm_core.plugin_host.health import Episode
from plugin_sdk import HOOKS, Issue, Level, OnError
from plugin_sdk.hookspecs import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.fields import FieldTables
    from crm_core.plugin_host.guard import Guard
    from crm_core.plugin_host.health import Health
    from crm_core.plugin_host.registry import Call, LoadedPlugin, Registry
    from plugin_sdk import Context

_DEPTH = 8
# A veto that is not asked is none: fail closed. A delivery that is not made would be lost: it waits.
_CANNOT_DO_WITHOUT = frozenset({OnError.FAIL, OnError.RETRY})


class ContextFactory(Protocol):
    """Makes contexts; the core's services are behind it, which the plugin host does not know."""

    def __call__(self, hooks: Hooks, plugin: LoadedPlugin, meter: Meter) -> Context:
        """Return a context for one call of one plugin, of use as long as ``meter.alive``.

        ``hooks`` are those of the operation; what the plugin does itself must go through ``hooks.inside(plugin)``.
        """
        ...


@dataclass(slots=True)
class TenantPlugins:
    """The plugins one tenant has enabled, with their settings; never changed, only replaced."""

    registry: Registry
    fields: FieldTables
    enabled: Mapping[str, Mapping[str, Any]]
    health: Mapping[str, Health] = field(default_factory=dict)
    """Of those plugins that are not simply called: their breaker is not closed."""
    _calls: dict[tuple[str, str | None], tuple[Call, ...]] = field(default_factory=dict)

    def calls(self, hook: str, record_type: str | None) -> tuple[Call, ...]:
        """Return the implementations to call for one hook and record type, in order."""
        key = (hook, record_type)
        found = self._calls.get(key)
        if found is None:
            found = self._calls[key] = tuple(
                call
                for call in self.registry.calls.get(hook, ())
                if call.plugin.id in self.enabled
                and (record_type is None or call.record_types is None or record_type in call.record_types)
            )
        return found


@dataclass(slots=True)
class Hooks:
    """The hooks of one operation: knows its unit of work and which plugins are being called right now."""

    uow: UnitOfWork
    tenant: TenantPlugins
    contexts: ContextFactory
    guard: Guard
    episode: Episode = field(default_factory=Episode)
    active: tuple[str, ...] = ()

    def inside(self, plugin: str) -> Hooks:
        """Return the hooks for what a plugin does itself: it is not called for its own changes."""
        return replace(self, active=(*self.active, plugin))

    def has(self, hook: str, record_type: str | None = None) -> bool:
        """Tell whether any enabled plugin implements the hook for that record type."""
        return bool(self.tenant.calls(hook, record_type))

    def collect(self, hook: str, record_type: str | None, /, **arguments: Any) -> list[tuple[LoadedPlugin, Any]]:
        """Call every implementation; return what is not None with the plugin it came from."""
        calls = self.tenant.calls(hook, record_type)
        return self._run(hook, calls, arguments) if calls else []

    def own(self, hook: str, plugin: str, /, **arguments: Any) -> Any:
        """Call one plugin's implementation, whether it is enabled or healthy or not; None without one."""
        results = self._run(hook, self.tenant.registry.own_calls(hook, plugin), arguments, health={})
        return results[0][1] if results else None

    def with_context(self, plugin: str, function: Callable[[Context], Any], *, where: str = "its own work") -> Any:
        """Run a plugin's own work (a route, a job) with a context that dies with it."""
        loaded = self.tenant.registry.plugins[plugin]
        health = self.tenant.health.get(plugin)
        if health is not None and not self._admits(plugin, health):
            raise health.unavailable(plugin, loaded.label, where)
        meter = Meter(self.guard.budgets[Point.BACKGROUND], loaded.label, where)
        context = self.contexts(self, loaded, meter)
        try:
            return self.guard.run_own(self, loaded, lambda: function(context), meter)
        finally:
            meter.alive = False

    def one(self, hook: str, plugin: str, record_type: str | None, /, **arguments: Any) -> bool:
        """Call one enabled plugin's implementation and tell whether it has one for that record type."""
        calls = tuple(call for call in self.tenant.calls(hook, record_type) if call.plugin.id == plugin)
        self._run(hook, calls, arguments)
        return bool(calls)

    def issues(self, hook: str, record_type: str | None, /, **arguments: Any) -> list[tuple[str, Issue]]:
        """Collect issues; an error among them refuses the operation, warnings are returned."""
        found = [
            (plugin.label, issue) for plugin, issues in self.collect(hook, record_type, **arguments) for issue in issues
        ]
        errors = [(label, issue) for label, issue in found if issue.level is Level.ERROR]
        if errors:
            raise Refused(errors)
        return found

    def patches(self, hook: str, record_type: str | None, /, **arguments: Any) -> list[tuple[Call, Any]]:
        """Return the patches themselves with the calls they came from."""
        calls = self.tenant.calls(hook, record_type)
        if not calls:
            return []
        by_plugin = {call.plugin.id: call for call in calls}
        return [(by_plugin[plugin.id], patch) for plugin, patch in self._run(hook, calls, arguments)]

    def _run(
        self,
        hook: str,
        calls: Sequence[Call],
        arguments: dict[str, Any],
        health: Mapping[str, Health] | None = None,
    ) -> list[tuple[LoadedPlugin, Any]]:
        active = self.active
        if len(active) >= _DEPTH:
            raise self._too_deep(hook)
        if health is None:
            health = self.tenant.health
        budget, call_one = self.guard.ways[hook]
        results = []
        for call in calls:
            plugin = call.plugin
            if plugin.id in active or (plugin.id in health and not self._wants(hook, call)):
                continue
            meter = Meter(budget, plugin.label, hook)
            if "ctx" in call.arguments:
                arguments["ctx"] = self.contexts(self, plugin, meter)
            try:
                result = call_one(self, hook, call, call.pick(arguments), meter)
            finally:
                meter.alive = False
            if result is not None and result is not SKIPPED:
                results.append((plugin, result))
        return results

    def _wants(self, hook: str, call: Call) -> bool:
        """Tell whether to call a plugin, as its health is; raises where the operation may not go on without it."""
        plugin = call.plugin
        health = self.tenant.health.get(plugin.id)
        if health is None or self._admits(plugin.id, health):
            return True
        if HOOKS[hook].on_error in _CANNOT_DO_WITHOUT:
            raise health.unavailable(plugin.id, plugin.label, hook)
        self.guard.counters.of(call.function, plugin.id, hook).skipped += 1
        return False

    def _admits(self, plugin: str, health: Health) -> bool:
        phase = health.breaker.phase(self.uow.now)
        if phase is Phase.CLOSED or plugin in self.episode.trials:
            return True
        if phase is Phase.HALF_OPEN and self.guard.begin_trial(self.uow.tenant_id, plugin):
            self.episode.trials.add(plugin)
            return True
        return False

    def _too_deep(self, hook: str) -> HookFailed:
        chain = " → ".join(self.active)
        message = f"hooks call each other more than {_DEPTH} deep ({chain}); one of these plugins must stop reacting"
        return HookFailed(message, hook=hook, plugins=list(self.active))


def merge(hook: str, patches: Iterable[tuple[Call, Any]], part: str) -> dict[str, Any]:
    """Merge patches field by field.

    Two plugins that give one field different values are a conflict, unless one of them has declared the
    highest ``on_conflict_priority`` (none counts as 0); nothing is ever decided by order.
    """
    wanted: dict[str, list[tuple[Call, Any]]] = {}
    for call, patch in patches:
        for name, value in getattr(patch, part).items():
            wanted.setdefault(name, []).append((call, value))
    return {name: _decide(hook, name, offers) for name, offers in wanted.items()}


def _decide(hook: str, name: str, offers: list[tuple[Call, Any]]) -> Any:
    top = max(call.priority or 0 for call, _ in offers)
    for candidates in (
        [value for _, value in offers],
        [value for call, value in offers if (call.priority or 0) == top],
    ):
        if all(_same(value, candidates[0]) for value in candidates):
            return candidates[0]
    told = ", ".join(f"{call.plugin.label} wants {shown(value)}" for call, value in offers)
    message = (
        f"{hook}: plugins disagree about {name}: {told}; declare on_conflict_priority in one of their manifests "
        "or disable one of them"
    )
    raise PatchConflict(message, hook=hook, field=name, plugins=[call.plugin.label for call, _ in offers])


def _same(one: Any, other: Any) -> bool:
    """Compare as a database would: True is not 1; what cannot be compared differs."""
    try:
        return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
    except Exception:  # noqa: BLE001 - a plugin's __eq__ may raise anything
        return False
