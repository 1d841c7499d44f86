"""The order of implementations of one hook: as manifests declare it, then by plugin id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugin_sdk import Manifest


def in_declared_order(hook: str, manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """Sort ids so that every ``before``/``after`` holds; where they leave a choice, the smaller id goes first.

    Plugins whose wishes contradict each other (see ``contradictions``) are left out.
    """
    earlier = _earlier(hook, manifests)
    order: list[str] = []
    waiting = set(earlier)
    while waiting:
        ready = min((plugin for plugin in waiting if not earlier[plugin] & waiting), default=None)
        if ready is None:
            break
        order.append(ready)
        waiting.remove(ready)
    return tuple(order)


def contradictions(hook: str, manifests: Iterable[Manifest]) -> dict[str, tuple[str, ...]]:
    """Return each plugin whose ``before``/``after`` form a circle, with that circle."""
    return circles(_earlier(hook, manifests))


def circles(needs: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    """Return each node that reaches itself, with all those it reaches that reach it."""
    reached = {node: _reached(node, needs) for node in needs}
    return {
        node: tuple(sorted(other for other in reached[node] if node in reached[other]))
        for node in sorted(needs)
        if node in reached[node]
    }


def _reached(start: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    open_ends = [start]
    while open_ends:
        for node in needs[open_ends.pop()]:
            if node in needs and node not in found:
                found.add(node)
                open_ends.append(node)
    return found


def _earlier(hook: str, manifests: Iterable[Manifest]) -> dict[str, set[str]]:
    """Return, by plugin, the plugins that are called before it."""
    specs = {manifest.id: manifest.hooks[hook] for manifest in manifests if hook in manifest.hooks}
    earlier = {plugin: {other for other in spec.after if other in specs} for plugin, spec in specs.items()}
    for plugin, spec in specs.items():
        for other in spec.before:
            if other in specs:
                earlier[other].add(plugin)
    return earlier
