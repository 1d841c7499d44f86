"""Tenants and the anchor every record hangs on."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import id_column, moment, one_of, table, tenant_column, text
from crm_core.schema.metadata import core
from crm_core.schema.types import Id

__all__ = ["record", "tenant"]

tenant = table(
    core,
    "tenant",
    sa.Column("id", Id, primary_key=True),
    text("tenant_key", required=True, doc="The short name used in commands and addresses."),
    text("name", required=True),
    one_of("kind", ("live", "sandbox", "trial"), doc="Sandboxes and trial runs are tenants of their own."),
    sa.Column("parent_id", Id, sa.ForeignKey("core.tenant.id"), doc="The live tenant a sandbox was copied from."),
    text("base_currency", required=True, doc="The currency reports are in, three letters of ISO 4217."),
    text("timezone", required=True, default="UTC", doc="An IANA time zone name."),
    text("locale", required=True, default="en"),
    one_of("rounding", ("half_up", "half_even"), doc="How amounts are rounded to the currency's smallest unit."),
    moment("created_at", required=True),
    moment("closed_at", doc="Set when the tenant no longer accepts requests."),
    sa.Index("uq_tenant_tenant_key", "tenant_key", unique=True),
    doc="An organisation, or a sandbox or trial run of one, whose data nobody else sees.",
)

record = table(
    core,
    "record",
    tenant_column(),
    id_column(),
    text("record_type", required=True, doc="The record type, named like its table."),
    moment("created_at", required=True),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    sa.ForeignKeyConstraint(["tenant_id"], ["core.tenant.id"]),
    doc="The immutable anchor of every record: the only foreign-key target for plugins, links, tags and attachments.",
)
