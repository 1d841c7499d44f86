"""Call a plugin again that rests or is quarantined: an operator has corrected what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.errors import RecordNotFound
from crm_core.outbox.parked import release
from crm_core.plugin_api import faults
from crm_core.schema import plugin

if TYPE_CHECKING:
    from crm_core.records.scope import Scope

_KNOWN = Statement(select(plugin.c.id).where(plugin.c.id == bindparam("key_plugin")))


def resume(scope: Scope, name: str) -> dict[str, object]:
    """Hold nothing against a plugin any more for this tenant, and deliver the events that have waited for it.

    ``resumed`` is False where nothing was held against it.
    """
    scope.actor.require("plugin", "manage")
    if not scope.uow.fetch(_KNOWN, {"key_plugin": name}):
        message = (
            f"there is no plugin {name!r} in this installation; GET /plugins and crm plugin list show those there are"
        )
        raise RecordNotFound(message, plugin=name)
    return {"resumed": faults.resume(scope, name), "deliveries": release(scope, name)}
