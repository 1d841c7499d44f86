"""Decide which plugins fit this core, this SDK and each other, and in which order they load."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plugin_sdk import parse_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugin_sdk import Manifest


@dataclass(frozen=True, slots=True)
class Resolution:
    """Plugins that fit, each after those it needs, and a reason for every other one."""

    order: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)


def resolve(manifests: Sequence[Manifest], *, core_version: str, sdk_version: str) -> Resolution:
    """Resolve without importing anything; one plugin that does not fit stops only those that need it."""
    by_id = {manifest.id: manifest for manifest in manifests}
    refused: dict[str, str] = {}
    for manifest in manifests:
        reason = _unfit(manifest, core_version, sdk_version) or _unmet(manifest, by_id)
        if reason:
            refused[manifest.id] = reason
    _spread(by_id, refused)
    order, cyclic = _sorted({key: value for key, value in by_id.items() if key not in refused})
    for plugin in cyclic:
        label = by_id[plugin].label
        others = ", ".join(sorted(cyclic))
        refused[plugin] = f"{label}: it and the plugins it needs require each other ({others}); break the circle"
    return Resolution(tuple(order), refused)


def _unfit(manifest: Manifest, core_version: str, sdk_version: str) -> str | None:
    for name, wanted, version in (("core", manifest.core, core_version), ("sdk", manifest.sdk, sdk_version)):
        if not wanted.contains(parse_version(version), prereleases=True):
            return (
                f"{manifest.label} wants {name} {wanted}, this installation has {name} {version}; "
                f"install a release of {manifest.id} made for {name} {version}"
            )
    return None


def _unmet(manifest: Manifest, by_id: dict[str, Manifest]) -> str | None:
    for needed, wanted in manifest.requires.items():
        other = by_id.get(needed)
        if other is None:
            return f"{manifest.label} needs {needed} {wanted}, which is not installed; install it"
        if not wanted.contains(other.version):
            return f"{manifest.label} needs {needed} {wanted}, installed is {other.label}; install a {needed} {wanted}"
    return None


def _spread(by_id: dict[str, Manifest], refused: dict[str, str]) -> None:
    changed = True
    while changed:
        changed = False
        for manifest in by_id.values():
            blocker = next((needed for needed in manifest.requires if needed in refused), None)
            if manifest.id not in refused and blocker is not None:
                refused[manifest.id] = f"{manifest.label} needs {blocker}, which is refused: {refused[blocker]}"
                changed = True


def _sorted(by_id: dict[str, Manifest]) -> tuple[list[str], set[str]]:
    order: list[str] = []
    waiting = dict(sorted(by_id.items()))
    while waiting:
        ready = next(
            (plugin for plugin, manifest in waiting.items() if not (manifest.requires.keys() & waiting.keys())), None
        )
        if ready is None:
            return order, set(waiting)
        order.append(ready)
        del waiting[ready]
    return order, set()
