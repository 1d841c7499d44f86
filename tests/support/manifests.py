"""Manifests for tests that need no package."""

from __future__ import annotations

from plugin_sdk import Manifest


def manifest(plugin_id: str, more: str = "", *, version: str = "1.0.0", core: str = "*", sdk: str = "*") -> Manifest:
    """Return a manifest; ``more`` is what follows ``[plugin]``."""
    text = f"""\
[plugin]
id = "{plugin_id}"
name = "{plugin_id}"
version = "{version}"
summary = "A plugin of the tests"
sdk = "{sdk}"
core = "{core}"

{more}
"""
    return Manifest.parse(text.encode(), source="crm-plugin.toml")
