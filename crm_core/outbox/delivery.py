"""One event to one plugin, in one transaction; and what becomes of it when the plugin fails."""

from __future__ import annotations

import datetime as dt
import logging
import random
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from crm_core.actors import system_actor
from crm_core.errors import PluginError, PluginUnavailable, RecordNotFound
from crm_core.outbox import statements
from crm_core.outbox.events import as_event, hooks_of
from crm_core.plugin_host.breaker import Breaker, State
from crm_core.plugin_host.guard import safe_text

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.outbox.events import Stored
    from crm_core.outbox.relay import RelayRuntime
    from crm_core.records.scope import Scope

logger = logging.getLogger("crm_core.outbox")

ATTEMPTS = 10
_LONGEST_SECONDS = 3_600.0
# While one delivery tries whether a plugin works again, the others wait for what becomes of it.
_SOON = dt.timedelta(seconds=1)


class _Outcome(Enum):
    DELIVERED = "The hook was called and its effects are kept."
    DROPPED = "The plugin does not listen any more; nothing was called."
    TAKEN = "Another relay has made this delivery."


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one plugin; ``last`` completes the event, ``attempts`` is how often it has failed."""

    tenant_id: UUID
    stored: Stored | None
    event_id: UUID
    plugin: str
    attempts: int
    first: bool = False
    last: bool = False

    @property
    def key(self) -> dict[str, object]:
        """The values that name its row."""
        return {"key_tenant": self.tenant_id, "key_id": self.event_id, "key_plugin": self.plugin}


@dataclass(slots=True)
class Tally:
    """What one batch has come to so far."""

    events: int = 0
    deliveries: int = 0
    failures: int = 0
    parked: int = 0


async def deliver(runtime: RelayRuntime, delivery: Delivery, tally: Tally) -> None:
    """Make one delivery; raises only where its failure cannot be recorded either."""
    actor = system_actor(delivery.tenant_id)
    request_id = delivery.stored.request_id if delivery.stored else None
    try:
        outcome = await runtime.run(actor, lambda scope: _attempt(scope, delivery), request_id=request_id)
    except PluginUnavailable as away:
        told = away.message
        await runtime.run(actor, lambda scope: _postpone(scope, delivery, told), request_id=request_id)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is a failed delivery
        text = safe_text(error)
        parked = await runtime.run(actor, lambda scope: _record_failure(scope, delivery, text), request_id=request_id)
        tally.failures += 1
        tally.parked += parked
    else:
        tally.deliveries += outcome is _Outcome.DELIVERED
    tally.events += delivery.last


def _attempt(scope: Scope, delivery: Delivery) -> _Outcome:
    """Take the row and call the plugin; the caller commits both or neither."""
    scope.hooks.episode.repeated = delivery.attempts > 0
    if delivery.last:
        scope.uow.execute(statements.DONE, {"ids": [delivery.event_id], "now": scope.uow.now})
    if not scope.uow.execute(statements.TAKE_DELIVERY, delivery.key):
        return _Outcome.TAKEN
    _require_loaded(scope, delivery.plugin)
    stored = delivery.stored
    if stored is None:
        message = f"event {delivery.event_id} is gone from the outbox; nothing is left to deliver"
        raise RecordNotFound(message, event=str(delivery.event_id))
    hooks = [hook for hook in hooks_of(stored) if scope.hooks.has(hook, stored.record_type)]
    if not hooks:
        return _Outcome.DROPPED
    event = as_event(scope, stored)
    called = [scope.hooks.one(hook, delivery.plugin, stored.record_type, event=event) for hook in hooks]
    return _Outcome.DELIVERED if any(called) else _Outcome.DROPPED


def _require_loaded(scope: Scope, plugin: str) -> None:
    """Raise for a plugin that is enabled and cannot be called in this process: its events must wait, not vanish."""
    if plugin in scope.hooks.tenant.enabled:
        return
    if scope.uow.fetch(statements.IS_ENABLED, {"key_plugin": plugin}):
        message = f"plugin {plugin} is enabled for this tenant but is not loaded; crm plugin show {plugin} says why"
        raise PluginError(message, plugin=plugin)


def _record_failure(scope: Scope, delivery: Delivery, text: str) -> bool:
    """Note a failed attempt and when to try again; tells whether the delivery is parked now."""
    made = delivery.attempts + 1
    now = scope.uow.now
    parked = made >= ATTEMPTS
    if delivery.last:
        scope.uow.execute(statements.DONE, {"ids": [delivery.event_id], "now": now})
    values = {
        **delivery.key,
        "seen": delivery.attempts,
        "made": made,
        "again": now + pause_after(made),
        "error": text,
        "parked": now if parked else None,
    }
    noted = scope.uow.execute(statements.FAILED, values)
    report = logger.error if parked else logger.warning
    report(
        "event %s was not delivered to plugin %s of tenant %s (attempt %d of %d%s): %s",
        delivery.event_id,
        delivery.plugin,
        delivery.tenant_id,
        made,
        ATTEMPTS,
        ", parked" if parked else "",
        text,
    )
    return parked and bool(noted)


def _postpone(scope: Scope, delivery: Delivery, text: str) -> None:
    """Keep a delivery for a plugin that is not called at present: until its rest is over, or until it is resumed."""
    now = scope.uow.now
    if delivery.last:
        scope.uow.execute(statements.DONE, {"ids": [delivery.event_id], "now": now})
    health = scope.hooks.tenant.health.get(delivery.plugin)
    breaker = health.breaker if health else Breaker()
    values = {
        **delivery.key,
        "seen": delivery.attempts,
        # One attempt counts as made, which marks the row as one to retry.
        "made": max(delivery.attempts, 1),
        "again": max(breaker.until or now, now + _SOON),
        "error": text,
        "parked": now if breaker.state is State.QUARANTINED else None,
    }
    scope.uow.execute(statements.FAILED, values)


def pause_after(attempts: int) -> dt.timedelta:
    """Return how long to wait after that many failed attempts: doubling, capped, spread by a quarter either way."""
    # 2 ** 12 seconds are more than an hour already.
    seconds = min(2.0 ** min(attempts - 1, 12), _LONGEST_SECONDS)
    spread = random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, protects nothing
    return dt.timedelta(seconds=min(seconds * spread, _LONGEST_SECONDS))
