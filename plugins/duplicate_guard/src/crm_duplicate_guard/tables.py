"""The plugin's own table."""

from __future__ import annotations

from sqlalchemy import Column, Index, Text

from plugin_sdk.db import Namespace, record_reference

namespace = Namespace("duplicate_guard")

fingerprint = namespace.table(
    "fingerprint",
    *record_reference("record_id"),
    Column("record_type", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Index("uq_fingerprint_record", "tenant_id", "record_id", "kind", "value", unique=True),
    Index("ix_fingerprint_value", "tenant_id", "kind", "value"),
)
