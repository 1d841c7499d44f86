"""The record types of activities."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import activity

ACTIVITY = Entity("activity", "activities", activity, title="subject")
