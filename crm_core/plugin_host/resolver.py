"""Decide which plugins fit this core, this SDK and each other, and in which order they load."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crm_core.plugin_host.ordering import circles, contradictions
from plugin_sdk import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugin_sdk import Manifest


@dataclass(frozen=True, slots=True)
class Resolution:
    """Plugins that fit, each after those it needs, and a reason for every other one."""

    order: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)


def resolve(manifests: Iterable[Manifest], *, core_version: str, sdk_version: str) -> Resolution:
    """Resolve without importing anything; one plugin that does not fit stops only those that need it."""
    # By id, so that nothing below depends on the order in which packages were found.
    by_id = {manifest.id: manifest for manifest in sorted(manifests, key=lambda manifest: manifest.id)}
    refused: dict[str, str] = {}
    for manifest in by_id.values():
        reason = _unfit(manifest, core_version, sdk_version) or _unmet(manifest, by_id)
        if reason:
            refused[manifest.id] = reason
    _spread(by_id, refused)
    _refuse_circles(by_id, refused)
    _spread(by_id, refused)
    _refuse_contradictions(by_id, refused)
    _spread(by_id, refused)
    order = _sorted({name: manifest for name, manifest in by_id.items() if name not in refused})
    return Resolution(order, dict(sorted(refused.items())))


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
    """Refuse every plugin that needs a refused one, with the reason of that."""
    changed = True
    while changed:
        changed = False
        for manifest in by_id.values():
            blocker = min((needed for needed in manifest.requires if needed in refused), default=None)
            if manifest.id not in refused and blocker is not None:
                refused[manifest.id] = f"{manifest.label} needs {blocker}, which is refused: {refused[blocker]}"
                changed = True


def _refuse_circles(by_id: dict[str, Manifest], refused: dict[str, str]) -> None:
    needs = {name: set(manifest.requires) for name, manifest in by_id.items() if name not in refused}
    for name, circle in circles(needs).items():
        refused[name] = (
            f"{by_id[name].label}: plugins require each other in a circle ({', '.join(circle)}); "
            "remove one [requires] of their manifests"
        )


def _refuse_contradictions(by_id: dict[str, Manifest], refused: dict[str, str]) -> None:
    fitting = [manifest for name, manifest in by_id.items() if name not in refused]
    for hook in sorted({hook for manifest in fitting for hook in manifest.hooks}):
        for name, circle in contradictions(hook, fitting).items():
            refused.setdefault(
                name,
                f"{by_id[name].label}: before/after of {', '.join(circle)} contradict each other in {hook}; "
                "change one of their manifests",
            )


def _sorted(by_id: dict[str, Manifest]) -> tuple[str, ...]:
    order: list[str] = []
    waiting = dict(by_id)
    while waiting:
        ready = next(name for name, manifest in waiting.items() if not manifest.requires.keys() & waiting.keys())
        order.append(ready)
        del waiting[ready]
    return tuple(order)
