"""What happened: the audit trail and its seals, stage changes, and events waiting for delivery.

These rows are facts. They have no foreign keys to what they speak about, so that they outlive it and cost writers no
look-ups; stage_event, which reports join, is the exception.
"""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import Items, id_column, json, moment, ref, table, tenant_column, text, unique
from crm_core.schema.metadata import core
from crm_core.schema.types import Id, PlainText

__all__ = ["audit_event", "audit_pending", "audit_seal", "outbox", "stage_event"]


def _about() -> Items:
    return [
        sa.Column("record_type", PlainText),
        sa.Column("record_id", Id, doc="The record it is about; it may be gone."),
    ]


audit_event = table(
    core,
    "audit_event",
    tenant_column(),
    id_column(),
    moment("at", required=True),
    id_column("actor_id", required=False, doc="The principal that acted."),
    text("plugin", doc="The plugin and version that made the change, as name@version; empty for the core."),
    text("request_id"),
    _about(),
    text("action", required=True),
    json("diff", doc="Old and new value of each changed field."),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    sa.Index(
        "ix_audit_event_record_id",
        "tenant_id",
        "record_id",
        "id",
        postgresql_where=sa.text("record_id IS NOT NULL"),
        sqlite_where=sa.text("record_id IS NOT NULL"),
    ),
    doc="One change or refusal, never altered afterwards.",
)

audit_pending = table(
    core,
    "audit_pending",
    tenant_column(),
    id_column("event_id", doc="The audit event that has no seal yet."),
    sa.PrimaryKeyConstraint("tenant_id", "event_id"),
    doc="Audit events the sealer has still to chain; writers add to it and never wait for it.",
)

audit_seal = table(
    core,
    "audit_seal",
    tenant_column(),
    sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False, doc="The place in the chain, from 1."),
    id_column("event_id", doc="The audit event sealed here."),
    text("hash", required=True, doc="SHA-256 over the hash before it and the event, in hexadecimal."),
    sa.PrimaryKeyConstraint("tenant_id", "seq"),
    unique("event_id", where=None),
    doc="The hash chain over the audit trail: a change to any sealed event breaks it from there on.",
)

stage_event = table(
    core,
    "stage_event",
    tenant_column(),
    id_column(),
    text("record_type", required=True),
    ref("record_id", "record", required=True, sorted_by=("at",)),
    ref("pipeline_id", "pipeline", required=True, sorted_by=("at",)),
    ref("from_stage_id", "stage", indexed=False, doc="Empty when the record entered the pipeline."),
    ref("to_stage_id", "stage", indexed=False, doc="Empty when the record left the pipeline."),
    moment("at", required=True),
    id_column("actor_id", required=False, doc="The principal that moved it."),
    text("reason"),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    doc="One move of a record from stage to stage: the log process analysis reads.",
)

outbox = table(
    core,
    "outbox",
    tenant_column(),
    id_column(doc="The event's id, which is also its idempotency key."),
    text("topic", required=True, doc="What happened, such as lead.created."),
    _about(),
    json("payload", required=True),
    moment("created_at", required=True),
    moment("available_at", required=True, doc="Not delivered before this moment."),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    moment("claimed_until", doc="A relay works on it until then."),
    moment("done_at"),
    text("last_error"),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    # Across tenants: one relay serves them all, the longest waiting first.
    sa.Index(
        "ix_outbox_open",
        "available_at",
        "id",
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    ),
    doc="Events written with the change they report and delivered after it, at least once.",
)
