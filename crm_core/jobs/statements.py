"""The statements of the job scheduler, over all tenants."""

from __future__ import annotations

from sqlalchemy import bindparam, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from crm_core.db.statements import Statement
from crm_core.schema import job, plugin_tenant, tenant

_KEY = (
    job.c.tenant_id == bindparam("key_tenant", type_=job.c.tenant_id.type),
    job.c.plugin == bindparam("key_plugin"),
    job.c.name == bindparam("key_name"),
)
_NOW = bindparam("now", type_=job.c.next_run_at.type)
_FREE = or_(job.c.claimed_until.is_(None), job.c.claimed_until <= _NOW)
_DUE = or_(job.c.next_run_at.is_(None), job.c.next_run_at <= _NOW)
_LEASE = bindparam("lease", type_=job.c.claimed_until.type)

ENABLED = Statement(
    select(plugin_tenant.c.tenant_id, plugin_tenant.c.plugin)
    .join(tenant, tenant.c.id == plugin_tenant.c.tenant_id)
    .where(plugin_tenant.c.enabled == true(), tenant.c.closed_at.is_(None))
    .order_by(plugin_tenant.c.tenant_id, plugin_tenant.c.plugin)
)
KNOWN = Statement(select(job.c.tenant_id, job.c.plugin, job.c.name, job.c.next_run_at, job.c.claimed_until))
# Another process may see the job for the first time at the same moment.
ADD = Statement(upsert(job).on_conflict_do_nothing(), ["tenant_id", "plugin", "name", "next_run_at"])
# One conditional UPDATE is the claim: of two processes exactly one touches the row.
CLAIM_DUE = Statement(update(job).where(*_KEY, _FREE, _DUE).values(claimed_until=_LEASE, last_started_at=_NOW))
CLAIM_ANY = Statement(update(job).where(*_KEY, _FREE).values(claimed_until=_LEASE, last_started_at=_NOW))
_HELD = job.c.claimed_until == bindparam("held", type_=job.c.claimed_until.type)
RENEW = Statement(update(job).where(*_KEY, _HELD).values(claimed_until=_LEASE))
FINISH = Statement(
    update(job)
    .where(*_KEY, _HELD)
    .values(
        claimed_until=None,
        last_finished_at=_NOW,
        next_run_at=bindparam("following", type_=job.c.next_run_at.type),
        last_error=bindparam("error", type_=job.c.last_error.type),
    )
)
