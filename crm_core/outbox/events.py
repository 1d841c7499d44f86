"""From stored rows to the event a plugin receives, and which plugins receive it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.errors import RecordNotFound
from crm_core.records.hookable import frozen
from plugin_sdk import Event

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.plugin_host.dispatch import Hooks
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

_STAGE_ENTERED = ".stage_entered"


class Stored(NamedTuple):
    """One outbox row with its audit event (``at`` is None where that is gone)."""

    id: UUID
    topic: str
    record_type: str | None
    payload: Mapping[str, Any]
    attempts: int
    at: dt.datetime | None
    actor_id: UUID | None
    plugin: str | None
    request_id: str | None
    diff: Mapping[str, Any] | None


def hooks_of(stored: Stored) -> tuple[str, ...]:
    """Return the hooks that an event is delivered to, in their order."""
    if stored.record_type is None:
        return ()
    if stored.topic.endswith(_STAGE_ENTERED):
        return ("record_committed", "stage_entered")
    return ("record_committed",)


def listeners(hooks: Hooks, stored: Stored) -> tuple[str, ...]:
    """Return the enabled plugins that listen, in the order of their hooks.

    A plugin does not hear of what it has done itself, in a transaction or after it: it would answer itself for ever.
    """
    cause = (stored.plugin or "").partition("@")[0]
    calls = (call for hook in hooks_of(stored) for call in hooks.tenant.calls(hook, stored.record_type))
    return tuple(dict.fromkeys(call.plugin.id for call in calls if call.plugin.id != cause))


def as_event(scope: Scope, stored: Stored) -> Event:
    """Return the event with Python values, as the change left the record."""
    if stored.at is None or stored.record_type is None:
        message = f"the audit event of {stored.topic} {stored.id} is gone; run crm audit verify, it says what else is"
        raise RecordNotFound(message, event=str(stored.id))
    entity = scope.entity(stored.record_type)
    values = {name: _typed(entity, name, value) for name, value in stored.payload.items() if name in entity.by_name}
    changes = {
        name: (_typed(entity, name, old), _typed(entity, name, new)) for name, (old, new) in (stored.diff or {}).items()
    }
    return Event(
        stored.id,
        stored.topic,
        scope.tenant_id,
        frozen(entity, values),
        MappingProxyType(changes),
        stored.at,
        stored.actor_id,
        stored.plugin,
        stored.request_id,
    )


def _typed(entity: Entity, name: str, value: Any) -> Any:
    field = entity.by_name.get(name)
    return value if field is None or value is None else field.convert(entity.record_type, value)
