"""Judge statements of a migration as the drivers of both databases would get them."""

from __future__ import annotations

import pytest

from crm_core.db.names import sqlite_text
from crm_core.errors import PluginError
from crm_core.plugin_host.migrations.allowed import require_allowed


def judge(text: str, dialect: str) -> tuple[str, ...]:
    """Judge a statement as the driver of the database would get it."""
    return require_allowed(sqlite_text(text) if dialect == "sqlite" else text, "a", "a@1.0.0", dialect)


def told(text: str, dialect: str) -> str:
    """Return what a statement is refused for."""
    with pytest.raises(PluginError) as caught:
        judge(text, dialect)
    message = str(caught.value)
    assert message.startswith("a@1.0.0: its migration may not ")
    assert message.endswith(". Nothing of it was kept")
    return message.removeprefix("a@1.0.0: its migration may not ")
