"""The record types of campaigns."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import campaign

CAMPAIGN = Entity("campaign", "campaigns", campaign)
