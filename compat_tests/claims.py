"""What plugins claim: the ranges of their manifests. A claim is no evidence, so it is reported beside the verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from plugin_sdk.versions import Range, parse_version

if TYPE_CHECKING:
    from compat_tests.sources import CoreSource, PluginSource

__all__ = ["claims_of"]


def claims_of(plugin: PluginSource, core: CoreSource) -> dict[str, Any]:
    """Return what a plugin's manifest says of a core, and of the SDK that core brings."""
    manifest = plugin.wheel.manifest
    if manifest is None:
        return {}
    return {
        "core": {"range": manifest.core, "version": core.core.version, "fits": _fits(manifest.core, core.core.version)},
        "sdk": {"range": manifest.sdk, "version": core.sdk.version, "fits": _fits(manifest.sdk, core.sdk.version)},
    }


def _fits(range_: str, version: str) -> bool | None:
    """Return None where range or version cannot be read."""
    try:
        return parse_version(_semver(version)) in Range.parse(range_)
    except ValueError:
        return None


def _semver(version: str) -> str:
    """Return a wheel's version as SemVer: installers write 1.2.0-rc.1 as 1.2.0rc1."""
    match = re.fullmatch(r"(\d+(?:\.\d+)*)(?:(a|b|rc)(\d+))?(?:\.dev(\d+))?", version)
    if match is None:
        return version
    numbers = [*match[1].split("."), "0", "0"][:3]
    words = {"a": "alpha", "b": "beta", "rc": "rc"}
    tail = [f"{words[match[2]]}.{match[3]}"] if match[2] else []
    tail += [f"dev.{match[4]}"] if match[4] else []
    return ".".join(numbers) + (f"-{'.'.join(tail)}" if tail else "")
