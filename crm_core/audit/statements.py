"""The statements of sealing and verifying."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, func, insert, select

from crm_core.audit.chain import COLUMNS
from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.schema import audit_event, audit_pending, audit_seal

BATCH = 5_000
PAGE = 1_000
FINDINGS = 100

_EVENT, _PENDING, _SEAL = audit_event.c, audit_pending.c, audit_seal.c
_TENANT = bindparam("tenant_id", type_=_EVENT.tenant_id.type)
_PENDING_OF_EVENT = and_(_PENDING.tenant_id == _EVENT.tenant_id, _PENDING.event_id == _EVENT.id)
_EVENT_OF_PENDING = and_(_EVENT.tenant_id == _PENDING.tenant_id, _EVENT.id == _PENDING.event_id)
_EVENT_OF_SEAL = and_(_EVENT.tenant_id == _SEAL.tenant_id, _EVENT.id == _SEAL.event_id)
_SEAL_OF_EVENT = and_(_SEAL.tenant_id == _EVENT.tenant_id, _SEAL.event_id == _EVENT.id)
_SEAL_OF_PENDING = and_(_SEAL.tenant_id == _PENDING.tenant_id, _SEAL.event_id == _PENDING.event_id)

TENANTS = Statement(select(_PENDING.tenant_id).distinct().order_by(_PENDING.tenant_id))
LOCK = Statement(select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("lock"), 0))))
HEAD = Statement(select(_SEAL.seq, _SEAL.hash).where(_SEAL.tenant_id == _TENANT).order_by(_SEAL.seq.desc()).limit(1))
# Sealed already, or its event gone: such rows are left for `verify` to report, they must not stop the chain.
WAITING = Statement(
    select(*COLUMNS)
    .join(audit_pending, _PENDING_OF_EVENT)
    .outerjoin(audit_seal, _SEAL_OF_EVENT)
    .where(_EVENT.tenant_id == _TENANT, _SEAL.seq.is_(None))
    .order_by(_EVENT.id)
    .limit(BATCH)
)
ADD_SEAL = Statement(insert(audit_seal), ["tenant_id", "seq", "event_id", "hash"])
TAKE_PENDING = Statement(delete(audit_pending).where(_PENDING.tenant_id == _TENANT, is_in(_PENDING.event_id, "ids")))

SEALED = Statement(
    select(_SEAL.seq, _SEAL.event_id, _SEAL.hash, *COLUMNS)
    .select_from(audit_seal)
    .outerjoin(audit_event, _EVENT_OF_SEAL)
    .where(_SEAL.tenant_id == _TENANT, _SEAL.seq > bindparam("after", type_=_SEAL.seq.type))
    .order_by(_SEAL.seq)
    .limit(PAGE)
)
COUNT_PENDING = Statement(select(func.count().label("pending")).where(_PENDING.tenant_id == _TENANT))
UNSEALED = Statement(
    select(_EVENT.id)
    .outerjoin(audit_seal, _SEAL_OF_EVENT)
    .outerjoin(audit_pending, _PENDING_OF_EVENT)
    .where(_EVENT.tenant_id == _TENANT, _SEAL.seq.is_(None), _PENDING.event_id.is_(None))
    .order_by(_EVENT.id)
    .limit(FINDINGS)
)
LOST = Statement(
    select(_PENDING.event_id)
    .outerjoin(audit_event, _EVENT_OF_PENDING)
    .where(_PENDING.tenant_id == _TENANT, _EVENT.id.is_(None))
    .order_by(_PENDING.event_id)
    .limit(FINDINGS)
)
TWICE = Statement(
    select(_PENDING.event_id)
    .join(audit_seal, _SEAL_OF_PENDING)
    .where(_PENDING.tenant_id == _TENANT)
    .order_by(_PENDING.event_id)
    .limit(FINDINGS)
)
