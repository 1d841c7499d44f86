"""What a partner tests a plugin with, against a real core of any released version (extra ``testing``).

The pytest plugin (``plugin_sdk.testing.plugin``, loaded by pytest itself) brings the fixtures ``crm_server`` and
``crm``; ``contract.PluginContract`` is the test every plugin inherits; ``strategies`` makes values for hypothesis.
Everything here knows the core by its command ``crm`` and by HTTP only.
"""

from __future__ import annotations
