"""The record types of campaigns, and their members."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.records.rows import Rows
from crm_core.schema import campaign, campaign_member

CAMPAIGN = Entity("campaign", "campaigns", campaign)
MEMBERS = Rows("campaign", campaign_member, ("status", "record_id"), keys=("record_id",))
