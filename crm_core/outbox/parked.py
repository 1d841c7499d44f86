"""Deliveries that failed too often: people look at them, and have them tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crm_core.outbox import statements
from crm_core.outbox.delivery import ATTEMPTS

if TYPE_CHECKING:
    import datetime as dt
    from uuid import UUID

    from crm_core.records.scope import Scope

_MOST = 1_000


class Parked(NamedTuple):
    """One event that one plugin could not take, and why."""

    event_id: UUID
    plugin: str
    topic: str | None
    record_type: str | None
    record_id: UUID | None
    attempts: int
    last_error: str | None
    parked_at: dt.datetime


def parked(scope: Scope, *, limit: int = _MOST) -> list[Parked]:
    """Return the tenant's parked deliveries, longest parked first."""
    scope.actor.require("plugin", "read")
    return [Parked(*row) for row in scope.uow.fetch(statements.PARKED, {"rows": limit})]


def retry_parked(scope: Scope, plugin: str) -> int:
    """Have a plugin's parked deliveries tried again, with all their attempts but one; returns how many."""
    scope.actor.require("plugin", "manage")
    return scope.uow.execute(statements.RETRY_PARKED, {"key_plugin": plugin, "now": scope.uow.now})


def release(scope: Scope, plugin: str) -> int:
    """Deliver what has waited for the end of a plugin's quarantine; what it failed on too often stays parked."""
    scope.actor.require("plugin", "manage")
    values = {"key_plugin": plugin, "now": scope.uow.now, "most": ATTEMPTS}
    return scope.uow.execute(statements.RELEASE_PARKED, values)
