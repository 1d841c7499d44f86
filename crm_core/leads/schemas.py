"""The record types of leads."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.records.stages import StagedRules
from crm_core.schema import lead

_CORE_SETS = frozenset(
    {
        "number",
        "stage_since",
        "converted_at",
        "converted_account_id",
        "converted_contact_id",
        "converted_opportunity_id",
        "erased_at",
    }
)
LEAD = Entity("lead", "leads", lead, read_only=_CORE_SETS, rules=StagedRules("lead"), number_series="lead")
