"""Record types that move through a pipeline, and the campaigns that feed them."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import (
    Items,
    index,
    moment,
    money_pair,
    record_table,
    ref,
    table,
    tenant_column,
    text,
    unique,
)
from crm_core.schema.metadata import core
from crm_core.schema.types import Day, Percent

__all__ = ["campaign", "campaign_member", "lead", "opportunity", "ticket"]


def _staged() -> Items:
    """Give the place in a pipeline; the stage's index serves the pipeline too, since a stage has one pipeline."""
    return [
        ref("pipeline_id", "pipeline", indexed=False),
        ref("stage_id", "stage", sparse=False),
        moment("stage_since", doc="When it entered the stage."),
    ]


campaign = record_table(
    "campaign",
    text("name", required=True),
    text("kind"),
    text("status"),
    sa.Column("start_on", Day),
    sa.Column("end_on", Day),
    money_pair("budget"),
    ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
    text("description"),
    index("name", "id"),
    doc="An effort to win business.",
)

campaign_member = table(
    core,
    "campaign_member",
    tenant_column(),
    ref("campaign_id", "campaign", required=True, indexed=False),
    ref("record_id", "record", required=True, sorted_by=("campaign_id",), doc="The lead, contact or account reached."),
    text("status"),
    moment("responded_at"),
    sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "record_id"),
    doc="A record a campaign is aimed at.",
)

lead = record_table(
    "lead",
    text("number", doc="The number people see."),
    text("name", required=True, doc="The person's name, or what is known instead."),
    text("company"),
    text("title", doc="The position held."),
    text("email"),
    text("phone"),
    text("website"),
    text("language", doc="The language to write in."),
    text("source", doc="Where it came from."),
    text("status"),
    text("description"),
    ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
    _staged(),
    ref("campaign_id", "campaign"),
    moment("converted_at"),
    ref("converted_account_id", "account"),
    ref("converted_contact_id", "contact"),
    ref("converted_opportunity_id", "opportunity"),
    moment("erased_at", doc="When personal data was removed for good."),
    index("name", "id"),
    unique("number"),
    doc="Somebody who may become a customer.",
)

opportunity = record_table(
    "opportunity",
    text("number", doc="The number people see."),
    text("name", required=True),
    ref("account_id", "account"),
    ref("contact_id", "contact"),
    ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
    _staged(),
    money_pair("amount", doc="What the sale would bring."),
    sa.Column("probability", Percent, doc="How likely it is won, 0 to 100."),
    sa.Column("expected_close", Day),
    moment("closed_at"),
    text("lost_reason"),
    text("source", doc="Where it came from."),
    ref("campaign_id", "campaign"),
    text("next_step"),
    text("description"),
    index("name", "id"),
    index("expected_close", "id"),
    unique("number"),
    doc="A sale that may be won.",
)

ticket = record_table(
    "ticket",
    text("number", doc="The number people see."),
    text("subject", required=True),
    ref("account_id", "account"),
    ref("contact_id", "contact"),
    ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
    _staged(),
    text("priority"),
    text("kind"),
    text("channel", doc="The way it came in."),
    text("description"),
    moment("first_response_at"),
    moment("resolved_at"),
    index("subject", "id"),
    unique("number"),
    doc="A question or complaint to be resolved.",
)
