"""The record types of relations, and the rows that are none."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.records.rows import Rows
from crm_core.relations.service import AttachmentRules
from crm_core.schema import attachment, external_ref, link, tag

ATTACHMENT = Entity(
    "attachment",
    "attachments",
    attachment,
    rules=AttachmentRules(),
    note="These are its facts only: the content is kept by the store that storage_key names, and is not sent here.",
)
TAG = Entity("tag", "tags", tag)
LINKS = Rows("link", link, ("src_id", "dst_id", "rel", "valid_to"), owner="created_by")
EXTERNAL_REFS = Rows("external_ref", external_ref, ("system", "ext_id", "record_id"), keys=("system", "ext_id"))
