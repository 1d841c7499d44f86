"""The record types of opportunities."""

from __future__ import annotations

from crm_core.opportunities.service import OpportunityRules
from crm_core.records.entity import Entity
from crm_core.schema import opportunity

OPPORTUNITY = Entity(
    "opportunity",
    "opportunities",
    opportunity,
    read_only=frozenset({"number", "stage_since", "closed_at"}),
    rules=OpportunityRules("opportunity"),
    number_series="opportunity",
)
