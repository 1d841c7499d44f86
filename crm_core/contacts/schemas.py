"""The record types of contacts."""

from __future__ import annotations

from crm_core.contacts.service import ContactPointRules
from crm_core.records.entity import Entity
from crm_core.records.merging import MergeRules
from crm_core.schema import contact, contact_point

CONTACT = Entity(
    "contact", "contacts", contact, read_only=frozenset({"merged_into_id", "erased_at"}), rules=MergeRules()
)
CONTACT_POINT = Entity(
    "contact_point",
    "contact-points",
    contact_point,
    title="value",
    read_only=frozenset({"normalized"}),
    rules=ContactPointRules(),
)
