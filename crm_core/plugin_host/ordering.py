"""The order of implementations of one hook: as manifests declare it, then by plugin id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.plugin_host.registry import Call


def in_declared_order(hook: str, calls: Mapping[str, Call]) -> tuple[Call, ...]:
    """Sort so that every ``before``/``after`` holds; where they leave a choice, the smaller id goes first."""
    earlier: dict[str, set[str]] = {plugin: set() for plugin in calls}
    for plugin, call in calls.items():
        spec = call.plugin.manifest.hooks[hook]
        earlier[plugin].update(other for other in spec.after if other in calls)
        for other in spec.before:
            if other in calls:
                earlier[other].add(plugin)
    order: list[Call] = []
    waiting = set(calls)
    while waiting:
        ready = min((plugin for plugin in waiting if not earlier[plugin] & waiting), default=None)
        if ready is None:
            circle = ", ".join(sorted(waiting))
            message = f"hook {hook}: before/after of {circle} contradict each other; change one of their manifests"
            raise PluginError(message, hook=hook, plugins=sorted(waiting))
        order.append(calls[ready])
        waiting.remove(ready)
    return tuple(order)
