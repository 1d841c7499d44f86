"""The states a plugin can be in, one sentence each."""

from __future__ import annotations

from enum import StrEnum


class PluginState(StrEnum):
    """Where a plugin stands in one installation; enabling is per tenant on top of ``loaded``."""

    DISCOVERED = "discovered"
    RESOLVED = "resolved"
    CHECKED = "checked"
    MIGRATED = "migrated"
    LOADED = "loaded"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    ORPHANED = "orphaned"
    REMOVED = "removed"

    @property
    def sentence(self) -> str:
        """Return what the state means, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    PluginState.DISCOVERED: "Its package is installed and its manifest has been read; its code has not.",
    PluginState.RESOLVED: "Its version ranges and the plugins it needs all fit this installation.",
    PluginState.CHECKED: "Its code has been imported, its hooks fit the contract and its own check has passed.",
    PluginState.MIGRATED: "Its tables and fields exist in its own namespace.",
    PluginState.LOADED: "It runs in this installation and can be enabled for tenants.",
    PluginState.REFUSED: "It does not fit this installation; the reason says which version or check is in the way.",
    PluginState.QUARANTINED: "It failed too often and is not called until an operator acts.",
    PluginState.ORPHANED: "Its data is here but its package is not; install it again or uninstall it.",
    PluginState.REMOVED: "It has been uninstalled; the reason says what became of its data.",
}
