"""The rows of history."""

from __future__ import annotations

from crm_core.records.rows import Rows
from crm_core.schema import audit_event, stage_event

# Ids are made in the order of time, so the newest row has the largest, and every list has a total order.
AUDIT = Rows(
    "audit",
    audit_event,
    ("record_id", "record_type", "action", "actor_id"),
    descending=True,
    owner="actor_id",
)
STAGE_EVENTS = Rows("stage_event", stage_event, ("record_id", "pipeline_id"), descending=True, owner="actor_id")
