from __future__ import annotations

from plugin_sdk.testing.contract import PluginContract


class TestContract(PluginContract):
    plugin = "loyalty"
