"""The statements of the relay: claims run over all tenants, everything else inside one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.schema import audit_event, delivery, outbox, plugin_tenant

_O, _D, _A = outbox.c, delivery.c, audit_event.c
_TENANT = bindparam("tenant_id", type_=_O.tenant_id.type)
_NOW = bindparam("now", type_=_O.available_at.type)
_LEASE = bindparam("lease", type_=_O.claimed_until.type)
_ROWS = bindparam("rows", type_=_D.attempts.type)
_OUTBOX_KEY = (
    _O.tenant_id == bindparam("key_tenant", type_=_O.tenant_id.type),
    _O.id == bindparam("key_id", type_=_O.id.type),
)
_DELIVERY_KEY = (
    _D.tenant_id == bindparam("key_tenant", type_=_D.tenant_id.type),
    _D.outbox_id == bindparam("key_id", type_=_D.outbox_id.type),
    _D.plugin == bindparam("key_plugin"),
)


def _free(table: Any) -> Any:
    return or_(table.claimed_until.is_(None), table.claimed_until <= _NOW)


# Claims wait for each other, not for anybody else: only so does each see which records the others work on.
LOCK = Statement(select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("lock"), 0))))
DUE = Statement(
    select(_O.tenant_id, _O.id, _O.record_id, _O.available_at)
    .where(_O.done_at.is_(None), _O.available_at <= _NOW, _free(_O))
    .order_by(_O.available_at, _O.id)
    .limit(_ROWS)
    .with_for_update(skip_locked=True)
)
# Of the range that the claim has just read: what is claimed by others is older than the newest candidate.
IN_FLIGHT = Statement(
    select(_O.tenant_id, _O.record_id).where(
        _O.done_at.is_(None),
        _O.claimed_until > _NOW,
        _O.available_at <= bindparam("newest", type_=_O.available_at.type),
    )
)
CLAIM = Statement(update(outbox).where(*_OUTBOX_KEY).values(claimed_until=_LEASE))
RELEASE = Statement(
    update(outbox)
    .where(*_OUTBOX_KEY, _O.claimed_until == bindparam("held", type_=_O.claimed_until.type))
    .values(claimed_until=None)
)
DUE_AGAIN = Statement(
    select(_D.tenant_id, _D.outbox_id, _D.plugin, _D.attempts)
    .where(_D.parked_at.is_(None), _D.attempts > 0, _D.available_at <= _NOW, _free(_D))
    .order_by(_D.available_at, _D.outbox_id)
    .limit(_ROWS)
    .with_for_update(skip_locked=True)
)
CLAIM_AGAIN = Statement(update(delivery).where(*_DELIVERY_KEY).values(claimed_until=_LEASE))

_EVENT = (
    select(
        *(_O.id, _O.topic, _O.record_type, _O.payload, _O.attempts),
        *(_A.at, _A.actor_id, _A.plugin, _A.request_id, _A.diff),
    )
    .select_from(outbox)
    .outerjoin(audit_event, and_(_A.tenant_id == _O.tenant_id, _A.id == _O.id))
    .where(_O.tenant_id == _TENANT, is_in(_O.id, "ids"))
    .order_by(_O.id)
)
EVENTS = Statement(_EVENT)
# Locked, so that a relay whose lease ran out and the next one cannot both plan an event.
EVENTS_TO_PLAN = Statement(_EVENT.where(_O.done_at.is_(None)).with_for_update(of=outbox))
PLANNED = Statement(update(outbox).where(_O.tenant_id == _TENANT, is_in(_O.id, "ids")).values(attempts=1))
DONE = Statement(update(outbox).where(_O.tenant_id == _TENANT, is_in(_O.id, "ids")).values(done_at=_NOW))

ADD_DELIVERY = Statement(
    upsert(delivery).on_conflict_do_nothing(), ["tenant_id", "outbox_id", "plugin", "attempts", "available_at"]
)
UNDELIVERED = Statement(
    select(_D.outbox_id, _D.plugin).where(_D.tenant_id == _TENANT, is_in(_D.outbox_id, "ids"), _D.attempts == 0)
)
TAKE_DELIVERY = Statement(delete(delivery).where(*_DELIVERY_KEY))
FAILED = Statement(
    update(delivery)
    .where(*_DELIVERY_KEY, _D.attempts == bindparam("seen", type_=_D.attempts.type))
    .values(
        attempts=bindparam("made", type_=_D.attempts.type),
        available_at=bindparam("again", type_=_D.available_at.type),
        last_error=bindparam("error", type_=_D.last_error.type),
        parked_at=bindparam("parked", type_=_D.parked_at.type),
        claimed_until=None,
    )
)
IS_ENABLED = Statement(
    select(plugin_tenant.c.plugin).where(
        plugin_tenant.c.tenant_id == _TENANT,
        plugin_tenant.c.plugin == bindparam("key_plugin"),
        plugin_tenant.c.enabled == true(),
    )
)

PARKED = Statement(
    select(
        _D.outbox_id,
        _D.plugin,
        _O.topic,
        _O.record_type,
        _O.record_id,
        _D.attempts,
        _D.last_error,
        _D.parked_at,
    )
    .select_from(delivery)
    .outerjoin(outbox, and_(_O.tenant_id == _D.tenant_id, _O.id == _D.outbox_id))
    .where(_D.tenant_id == _TENANT, _D.parked_at.is_not(None))
    .order_by(_D.parked_at, _D.outbox_id, _D.plugin)
    .limit(_ROWS)
)
# One attempt counts as made, which marks the row as one to retry.
RETRY_PARKED = Statement(
    update(delivery)
    .where(_D.tenant_id == _TENANT, _D.plugin == bindparam("key_plugin"), _D.parked_at.is_not(None))
    .values(parked_at=None, claimed_until=None, attempts=1, available_at=_NOW)
)
# A delivery that was parked before its last attempt has waited for its plugin, and has not failed.
RELEASE_PARKED = Statement(
    update(delivery)
    .where(
        _D.tenant_id == _TENANT,
        _D.plugin == bindparam("key_plugin"),
        _D.parked_at.is_not(None),
        _D.attempts < bindparam("most", type_=_D.attempts.type),
    )
    .values(parked_at=None, claimed_until=None, available_at=_NOW)
)
