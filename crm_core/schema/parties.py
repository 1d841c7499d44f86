"""The people and organisations business is done with."""

from __future__ import annotations

from crm_core.schema.columns import Items, index, json, moment, record_table, ref, text

__all__ = ["account", "contact"]


def _merged_and_erased(record_type: str) -> Items:
    return [
        ref("merged_into_id", record_type, doc="The record this one was merged into."),
        moment("erased_at", doc="When personal data was removed for good."),
    ]


account = record_table(
    "account",
    text("name", required=True),
    text("legal_name"),
    text("registration_country", doc="The country of the registration number, two letters of ISO 3166."),
    text("registration_number", doc="The number in the register of companies or of taxpayers."),
    text("industry"),
    text("status"),
    ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
    ref("parent_id", "account", doc="The account it is part of."),
    text("website"),
    text("language", doc="The language to write in."),
    text("description"),
    _merged_and_erased("account"),
    index("name", "id"),
    index("registration_country", "registration_number", where="registration_number IS NOT NULL"),
    doc="An organisation, or a person bought from or sold to in their own name.",
)

contact = record_table(
    "contact",
    ref("account_id", "account", doc="The main account; others are links."),
    text("name", required=True, doc="The whole name as it is written."),
    text("given_name"),
    text("family_name"),
    text("title", doc="The position held."),
    ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
    text("language", doc="The language to write in."),
    json("consent", doc="What the person agreed to, when and how."),
    text("description"),
    _merged_and_erased("contact"),
    index("name", "id"),
    doc="A person.",
)
