"""How the plugins of a tenant do: read with the tenant's plugins, written after an operation in which one failed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from crm_core.db.statements import Statement
from crm_core.errors import PluginUnavailable
from crm_core.plugin_host.breaker import Breaker, State
from crm_core.schema import plugin_health

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.db.connection import Connection
    from crm_core.db.unit import UnitOfWork

_C = plugin_health.c
_TENANT = bindparam("tenant_id", type_=_C.tenant_id.type)
_COLUMNS = (
    *(_C.plugin, _C.state, _C.since, _C.until, _C.failures, _C.openings),
    *(_C.failed, _C.hook, _C.reason, _C.request_id, _C.failed_at),
)
_KEY = (_C.tenant_id == bindparam("key_tenant", type_=_C.tenant_id.type), _C.plugin == bindparam("key_plugin"))
_OF_TENANT = Statement(select(*_COLUMNS).where(_C.tenant_id == _TENANT))
_OF_ALL = Statement(select(*_COLUMNS, _C.tenant_id).order_by(_C.plugin, _C.tenant_id))
# Locked: processes that note failures of one plugin at the same time take turns, and each sees what the other noted.
_FOR_UPDATE = Statement(select(*_COLUMNS).where(*_KEY).with_for_update())
_NAMES = tuple(str(column.name) for column in plugin_health.columns)
_ADD = Statement(upsert(plugin_health).on_conflict_do_nothing(), _NAMES)
_UPDATE = Statement(update(plugin_health).where(*_KEY), _NAMES[2:])


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of a plugin: in which hook, route or job, and with what."""

    plugin: str
    label: str
    hook: str
    reason: str
    at: dt.datetime


@dataclass(slots=True)
class Episode:
    """What has become of plugins during one operation; written down after it has ended, however it ended."""

    faults: list[Fault] = field(default_factory=list)
    trials: set[str] = field(default_factory=set)
    """Plugins that this operation has called to see whether they work again."""
    passed: set[str] = field(default_factory=set)
    repeated: bool = False
    """Whether this is another attempt at what has failed before: one bad event is no bad plugin."""

    @property
    def eventful(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self.faults or self.trials)


@dataclass(frozen=True, slots=True)
class Health:
    """How one plugin does for one tenant, with its last failure."""

    breaker: Breaker
    failed: int = 0
    hook: str | None = None
    reason: str | None = None
    request_id: str | None = None
    failed_at: dt.datetime | None = None

    @property
    def failing(self) -> bool:
        """Whether the plugin is not simply called."""
        return self.breaker.state is not State.CLOSED

    def shown(self, now: dt.datetime) -> dict[str, Any]:
        """Return it for people and programs."""
        return {
            "breaker": self.breaker.phase(now).value,
            "since": _text(self.breaker.since),
            "until": _text(self.breaker.until),
            "recent_failures": len(self.breaker.failures),
            "openings": len(self.breaker.openings),
            "failures": self.failed,
            "hook": self.hook,
            "reason": self.reason,
            "request_id": self.request_id,
            "failed_at": _text(self.failed_at),
        }

    def sentence(self, plugin: str) -> str:
        """Say why the plugin is not called, since when, and what an administrator does."""
        what = f"it failed in {self.hook} (request {self.request_id}): {self.reason}"
        if self.breaker.state is State.QUARANTINED:
            return (
                f"plugin {plugin} is quarantined since {_text(self.breaker.since)}, after it failed again and again; "
                f"last {what}. Correct it, then run crm plugin resume {plugin} or POST /plugins/{plugin}/resume; "
                "or disable it"
            )
        return (
            f"plugin {plugin} rests from {_text(self.breaker.since)} until {_text(self.breaker.until)} because {what}. "
            "It is tried again then; if that cannot wait, disable it"
        )

    def unavailable(self, plugin: str, label: str, where: str) -> PluginUnavailable:
        """Return the error for an operation that may not go on without the plugin."""
        message = f"{where} needs {label}: {self.sentence(plugin)}"
        return PluginUnavailable(message, plugin=label, hook=where, state=self.breaker.state.value)


def of_tenant(connection: Connection, tenant_id: UUID) -> dict[str, Health]:
    """Return the health of the tenant's plugins; one that has never failed is not there."""
    return {row[0]: _health(row) for row in connection.fetch(_OF_TENANT, {"tenant_id": tenant_id})}


def of_all(connection: Connection) -> dict[str, dict[UUID, Health]]:
    """Return the health of every tenant's plugins, by plugin and tenant."""
    found: dict[str, dict[UUID, Health]] = {}
    for row in connection.fetch(_OF_ALL, {}):
        found.setdefault(row[0], {})[row[-1]] = _health(row)
    return found


def locked(uow: UnitOfWork, plugin: str) -> Health:
    """Return the health of a plugin and keep it from others until the operation ends; makes its row if need be."""
    key = {"key_tenant": uow.tenant_id, "key_plugin": plugin}
    uow.begin()
    row = uow.fetch_one(_FOR_UPDATE, key)
    if row is None:
        uow.execute(_ADD, {"plugin": plugin, **_values(Health(Breaker(since=uow.now)))})
        row = uow.fetch_one(_FOR_UPDATE, key)
    return _health(row or (plugin, State.CLOSED, uow.now, None, [], [], 0, None, None, None, None))


def store(uow: UnitOfWork, plugin: str, health: Health) -> None:
    """Write the health of a plugin that is ``locked``."""
    uow.execute(_UPDATE, {"key_tenant": uow.tenant_id, "key_plugin": plugin, **_values(health)})


def _health(row: Any) -> Health:
    _, state, since, until, failures, openings, *rest = row[:11]
    breaker = Breaker(State(state), since, until, _moments(failures), _moments(openings))
    return Health(breaker, *rest)


def _values(health: Health) -> dict[str, Any]:
    breaker = health.breaker
    return {
        "state": breaker.state.value,
        "since": breaker.since,
        "until": breaker.until,
        "failures": [moment.isoformat() for moment in breaker.failures],
        "openings": [moment.isoformat() for moment in breaker.openings],
        "failed": health.failed,
        "hook": health.hook,
        "reason": health.reason,
        "request_id": health.request_id,
        "failed_at": health.failed_at,
    }


def _moments(texts: list[str]) -> tuple[dt.datetime, ...]:
    return tuple(dt.datetime.fromisoformat(text) for text in texts)


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
