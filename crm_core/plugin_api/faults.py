"""Write down what went wrong with plugins during an operation, after it has ended, in an operation of its own.

The operation itself may have been rolled back, or may have only read. What is written here decides whether the plugin
is called from now on, in every process: a step of the breaker raises the epoch, is audited and, where people have
to know, kept in the plugin's history.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crm_core.db.unit import RecordWrite
from crm_core.identity.epoch import advance
from crm_core.plugin_host import health
from crm_core.plugin_host.breaker import Breaker, State
from crm_core.records.statements import insert_into
from crm_core.records.traces import audit
from crm_core.schema import plugin_history
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from crm_core.plugin_host.health import Episode, Fault, Health
    from crm_core.records.scope import Scope

logger = logging.getLogger("crm_core.plugin_host")

_INSERT_HISTORY = insert_into(plugin_history)
_ACTIONS = {
    State.OPEN: "plugin_paused",
    State.QUARANTINED: "plugin_quarantined",
    State.CLOSED: "plugin_recovered",
}


def record(scope: Scope, episode: Episode) -> None:
    """Note the failures of an operation, and the success of plugins that were tried again."""
    failed = {fault.plugin for fault in episode.faults}
    for plugin in sorted(failed):
        counts = plugin in episode.trials or not episode.repeated
        _note_failures(scope, plugin, [fault for fault in episode.faults if fault.plugin == plugin], counts=counts)
    for plugin in sorted((episode.trials & episode.passed) - failed):
        before = health.locked(scope.uow, plugin)
        _keep(scope, plugin, before, replace(before, breaker=before.breaker.succeeded(scope.uow.now)))


def resume(scope: Scope, plugin: str) -> bool:
    """Call a plugin again for the tenant, with nothing held against it; False where nothing was."""
    if plugin not in health.of_tenant(scope.uow.for_core, scope.tenant_id):
        return False
    before = health.locked(scope.uow, plugin)
    if before.breaker == before.breaker.resumed(before.breaker.since or scope.uow.now):
        return False
    after = replace(before, breaker=before.breaker.resumed(scope.uow.now))
    health.store(scope.uow, plugin, after)
    _announce(scope, plugin, before, after, "plugin_resumed")
    return True


def _note_failures(scope: Scope, plugin: str, faults: list[Fault], *, counts: bool) -> None:
    before = health.locked(scope.uow, plugin)
    after = before
    for fault in faults:
        breaker = after.breaker.failed(fault.at, scope.hooks.guard.policy) if counts else after.breaker
        after = replace(
            after,
            breaker=breaker,
            failed=after.failed + 1,
            hook=fault.hook,
            reason=fault.reason,
            request_id=scope.uow.request_id,
            failed_at=fault.at,
        )
    _keep(scope, plugin, before, after)


def _keep(scope: Scope, plugin: str, before: Health, after: Health) -> None:
    if after == before:
        return
    health.store(scope.uow, plugin, after)
    if _stage(after.breaker) != _stage(before.breaker):
        _announce(scope, plugin, before, after, _ACTIONS[after.breaker.state])


def _stage(breaker: Breaker) -> tuple[Any, ...]:
    """Return what a step of the breaker changes: it may open when it is open."""
    return breaker.state, breaker.until


def _announce(scope: Scope, plugin: str, before: Health, after: Health, action: str) -> None:
    """Tell other processes, the audit trail, the log and, of quarantine and its end, the plugin's history."""
    uow = scope.uow
    loaded = scope.hooks.tenant.registry.plugins.get(plugin)
    label = loaded.label if loaded else plugin
    detail = {
        "plugin": [None, label],
        "breaker": [before.breaker.state.value, after.breaker.state.value],
        "hook": [None, after.hook],
        "reason": [None, after.reason],
        "request_id": [None, after.request_id],
    }
    uow.stage(RecordWrite(audit(uow, action, None, None, detail)))
    if action in {"plugin_quarantined", "plugin_resumed"}:
        uow.execute(_INSERT_HISTORY, _history(scope, plugin, after, action))
    advance(uow)
    level = logging.INFO if after.breaker.state is State.CLOSED else logging.ERROR
    text = after.sentence(plugin) if after.breaker.state is not State.CLOSED else f"plugin {label} is called again"
    logger.log(level, "%s (tenant %s)", text, uow.tenant_id)


def _history(scope: Scope, plugin: str, after: Health, action: str) -> dict[str, Any]:
    loaded = scope.hooks.tenant.registry.plugins.get(plugin)
    return {
        "id": new_id(),
        "at": scope.uow.now,
        "plugin": plugin,
        "version": loaded.manifest.version_text if loaded else None,
        "action": action.removeprefix("plugin_"),
        "detail": {"hook": after.hook, "reason": after.reason, "request_id": after.request_id},
        "actor": scope.actor.name,
    }
