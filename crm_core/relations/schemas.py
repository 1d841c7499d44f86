"""The record types of relations."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import attachment, tag

ATTACHMENT = Entity("attachment", "attachments", attachment)
TAG = Entity("tag", "tags", tag)
