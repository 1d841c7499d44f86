"""The core tables as SQLAlchemy `Table` objects: names, types and constraints, no behaviour.

The schema is frozen: inside a major version it only grows, by tables, by indexes, and by columns that may be empty or
have a default. `tests/crm_core/schema` compares it with what the migrations make.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from crm_core.schema.activities import activity
from crm_core.schema.catalog import price, price_book, product
from crm_core.schema.configuration import field_def, fx_rate, number_series, pipeline, stage
from crm_core.schema.connections import attachment, contact_point, external_ref, link, tag, tagging
from crm_core.schema.documents import quote, quote_line, sales_order, sales_order_line
from crm_core.schema.history import audit_event, audit_pending, audit_seal, outbox, stage_event
from crm_core.schema.identity import api_key, membership, permission, principal
from crm_core.schema.metadata import core, platform
from crm_core.schema.parties import account, contact
from crm_core.schema.pipelines import campaign, campaign_member, lead, opportunity, ticket
from crm_core.schema.plat import (
    delivery,
    epoch,
    fingerprint,
    idempotency_key,
    import_run,
    job,
    plugin,
    plugin_health,
    plugin_history,
    plugin_tenant,
    plugin_trust,
    trusted_key,
)
from crm_core.schema.tenancy import record, tenant

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

__all__ = [
    "RECORD_TABLES",
    "account",
    "activity",
    "api_key",
    "attachment",
    "audit_event",
    "audit_pending",
    "audit_seal",
    "campaign",
    "campaign_member",
    "contact",
    "contact_point",
    "core",
    "delivery",
    "epoch",
    "external_ref",
    "field_def",
    "fingerprint",
    "fx_rate",
    "idempotency_key",
    "import_run",
    "job",
    "lead",
    "link",
    "membership",
    "number_series",
    "opportunity",
    "outbox",
    "permission",
    "pipeline",
    "platform",
    "plugin",
    "plugin_health",
    "plugin_history",
    "plugin_tenant",
    "plugin_trust",
    "price",
    "price_book",
    "principal",
    "product",
    "quote",
    "quote_line",
    "record",
    "sales_order",
    "sales_order_line",
    "stage",
    "stage_event",
    "tag",
    "tagging",
    "tenant",
    "ticket",
    "trusted_key",
]

RECORD_TABLES: Mapping[str, sa.Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            principal,
            account,
            contact,
            contact_point,
            pipeline,
            stage,
            campaign,
            opportunity,
            lead,
            ticket,
            activity,
            product,
            price_book,
            price,
            quote,
            quote_line,
            sales_order,
            sales_order_line,
            attachment,
            tag,
        )
    }
)
"""The table of each record type, in an order in which rows can be inserted."""
