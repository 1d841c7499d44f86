"""Settings as the command line gives them: ``key=value`` texts, read by their declared kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.errors import InvalidInput
from crm_core.plugins.service import require_loaded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crm_core.records.scope import Scope


def settings_from_text(scope: Scope, name: str, pairs: Iterable[str]) -> dict[str, Any]:
    """Return the settings as JSON values; the manifest's own check comes later."""
    specs = require_loaded(scope.hooks.tenant.registry, name).manifest.settings
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator:
            message = f"--set {pair}: write key=value"
            raise InvalidInput(message)
        spec = specs.get(key)
        settings[key] = _value(key, text, str(spec.kind) if spec else "text")
    return settings


def _value(key: str, text: str, kind: str) -> Any:
    try:
        if kind == "integer":
            return int(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        message = f"--set {key}={text}: {key} is of kind {kind}"
        raise InvalidInput(message) from None
    return text
