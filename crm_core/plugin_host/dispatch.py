"""Call the hooks of the plugins one tenant has enabled, and merge or collect what they return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from crm_core.errors import HookFailed, PatchConflict, Refused
from crm_core.plugin_host import guard
from plugin_sdk import HOOKS, Issue, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.fields import FieldTables
    from crm_core.plugin_host.guard import Pace
    from crm_core.plugin_host.registry import Call, LoadedPlugin, Registry
    from plugin_sdk import Context

_DEPTH = 8
_LONGEST_VALUE = 100


class ClosableContext(Protocol):
    """A context that dies with its hook call."""

    def close(self) -> None:
        """Make every further use raise."""
        ...


class ContextFactory(Protocol):
    """Makes contexts; the core's services are behind it, which the plugin host does not know."""

    def __call__(self, hooks: Hooks, plugin: LoadedPlugin) -> tuple[Context, ClosableContext]:
        """Return a context for one call of one plugin, and the handle that ends it."""
        ...


@dataclass(slots=True)
class TenantPlugins:
    """The plugins one tenant has enabled, with their settings; never changed, only replaced."""

    registry: Registry
    fields: FieldTables
    enabled: Mapping[str, Mapping[str, Any]]
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
    pace: Pace
    active: tuple[str, ...] = ()

    def has(self, hook: str, record_type: str | None = None) -> bool:
        """Tell whether any enabled plugin implements the hook for that record type."""
        return bool(self.tenant.calls(hook, record_type))

    def collect(self, hook: str, record_type: str | None, /, **arguments: Any) -> list[tuple[LoadedPlugin, Any]]:
        """Call every implementation; return what is not None with the plugin it came from."""
        calls = self.tenant.calls(hook, record_type)
        return self._run(hook, calls, arguments) if calls else []

    def own(self, hook: str, plugin: str, /, **arguments: Any) -> Any:
        """Call one plugin's implementation, whether it is enabled yet or not; None without one."""
        results = self._run(hook, self.tenant.registry.own_calls(hook, plugin), arguments)
        return results[0][1] if results else None

    def with_context(self, plugin: str, function: Callable[[Context], Any]) -> Any:
        """Run a plugin's own work (a route, a job) with a context that dies with it."""
        loaded = self.tenant.registry.plugins[plugin]
        inner = Hooks(self.uow, self.tenant, self.contexts, self.pace, (*self.active, plugin))
        context, handle = self.contexts(inner, loaded)
        try:
            return guard.in_thread(self.uow.connection, lambda: function(context))
        except Exception:
            raise
        except BaseException as error:
            # SystemExit, for one, would end the process that serves everybody else too.
            if guard.is_cancellation(error):
                raise
            raise guard.failed(loaded, "its own work", error) from error
        finally:
            handle.close()

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

    def _run(self, hook: str, calls: Sequence[Call], arguments: Mapping[str, Any]) -> list[tuple[LoadedPlugin, Any]]:
        if len(self.active) >= _DEPTH:
            chain = " → ".join(self.active)
            message = (
                f"hooks call each other more than {_DEPTH} deep ({chain}); one of these plugins must stop reacting"
            )
            raise HookFailed(message, hook=hook, plugins=list(self.active))
        definition = HOOKS[hook]
        results = []
        for call in calls:
            if call.plugin.id in self.active:
                continue
            inner = Hooks(self.uow, self.tenant, self.contexts, self.pace, (*self.active, call.plugin.id))
            context, handle = self.contexts(inner, call.plugin)
            given = tuple(context if name == "ctx" else arguments[name] for name in call.arguments)
            try:
                result = guard.call(self.pace, self.uow, definition, call, given)
            finally:
                handle.close()
            if result is not None and result is not guard.SKIPPED:
                results.append((call.plugin, result))
        return results


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
    told = ", ".join(f"{call.plugin.label} wants {_shown(value)}" for call, value in offers)
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


def _shown(value: Any) -> str:
    try:
        return repr(value)[:_LONGEST_VALUE]
    except Exception:  # noqa: BLE001 - a plugin's __repr__ may raise anything
        return type(value).__qualname__
