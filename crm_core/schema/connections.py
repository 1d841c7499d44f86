"""What any record can have: links, ids in other systems, tags, attachments and contact points."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import (
    flag,
    id_column,
    index,
    json,
    moment,
    record_table,
    ref,
    table,
    tenant_column,
    text,
    unique,
)
from crm_core.schema.metadata import core
from crm_core.schema.types import Day

__all__ = ["attachment", "contact_point", "external_ref", "link", "tag", "tagging"]

link = table(
    core,
    "link",
    tenant_column(),
    id_column(),
    ref("src_id", "record", required=True, indexed=False, doc="The record the link is read from."),
    text("rel", required=True, doc="What the one is to the other, such as works_at or decision_maker."),
    ref("dst_id", "record", required=True, indexed=False),
    sa.Column("position", sa.Integer, doc="The order among links of one kind."),
    sa.Column("valid_from", Day),
    sa.Column("valid_to", Day, doc="The last day it held; empty while it holds."),
    json("data"),
    moment("created_at", required=True),
    id_column("created_by", required=False, doc="The principal that made the link."),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    index("src_id", "rel", "id"),
    index("dst_id", "rel", "id"),
    unique("src_id", "rel", "dst_id", where="valid_to IS NULL", name="uq_link_open"),
    doc="A many-to-many relation between two records, with the days it held.",
)

external_ref = table(
    core,
    "external_ref",
    tenant_column(),
    text("system", required=True, doc="The other system's name."),
    text("ext_id", required=True, doc="The id the other system gives the record."),
    text("record_type", required=True),
    ref("record_id", "record", required=True, sorted_by=()),
    text("row_hash", doc="A hash of the row as last imported, by which an unchanged row is skipped."),
    moment("seen_at", required=True),
    sa.PrimaryKeyConstraint("tenant_id", "system", "ext_id"),
    doc="A record's id in another system, so that an import can be repeated.",
)

contact_point = record_table(
    "contact_point",
    ref("record_id", "record", required=True, doc="Whom it reaches."),
    text("kind", required=True, doc="email, phone, postal, url, im or another key."),
    text("purpose", doc="What it is for, such as work or invoice."),
    text("value", required=True, doc="As it was given."),
    text("normalized", doc="In the one form by which equal ones are found."),
    json("data", doc="The parts of it, such as street and city."),
    flag("is_primary", default=False),
    flag("opt_out", default=False, doc="Must not be used for messages nobody asked for."),
    flag("invalid", default=False, doc="Known not to work."),
    index("kind", "normalized"),
    doc="An e-mail address, telephone number or postal address of any record.",
    listed=False,
)

attachment = record_table(
    "attachment",
    ref("record_id", "record", required=True, doc="What it is attached to."),
    text("name", required=True),
    text("mime"),
    sa.Column("size", sa.BigInteger, nullable=False, doc="Bytes."),
    text("sha256", required=True),
    text("storage_key", required=True, doc="Where the store keeps the content."),
    doc="A file on a record.",
    listed=False,
)

tag = record_table(
    "tag",
    text("record_type", required=True, doc="The record type it is for."),
    text("name", required=True),
    text("color"),
    unique("record_type", "name"),
    doc="A word records of one type can be marked with.",
    listed=False,
)

tagging = table(
    core,
    "tagging",
    tenant_column(),
    ref("record_id", "record", required=True, indexed=False),
    ref("tag_id", "tag", required=True, sorted_by=("record_id",)),
    sa.PrimaryKeyConstraint("tenant_id", "record_id", "tag_id"),
    doc="A tag on a record.",
)
