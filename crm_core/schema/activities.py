"""What people do: tasks, calls, meetings, messages and notes."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import index, json, moment, one_of, record_table, ref, text
from crm_core.schema.types import Day

__all__ = ["activity"]

activity = record_table(
    "activity",
    one_of("kind", ("task", "call", "meeting", "email", "note", "message")),
    text("subject", required=True, default=""),
    text("body"),
    text("body_format", doc="How the body is written, such as text, markdown or html."),
    text("status"),
    one_of("direction", ("inbound", "outbound"), required=False, doc="inbound or outbound, where it has a direction."),
    moment("start_at"),
    moment("end_at"),
    sa.Column("due_on", Day),
    text("timezone", doc="The IANA time zone a meeting was agreed in."),
    moment("done_at"),
    ref("owner_id", "principal", sparse=False, doc="Who does it."),
    ref("regarding_id", "record", doc="The record it is about."),
    text("message_id", doc="The id the mail or message system gave it."),
    text("thread_id", doc="What groups the messages of one conversation."),
    json("data"),
    index("subject", "id"),
    # What is still to be done, by day: for one owner and for everybody.
    index("owner_id", "due_on", "id", where="done_at IS NULL AND deleted_at IS NULL", name="ix_activity_open_owner"),
    index("due_on", "id", where="done_at IS NULL AND deleted_at IS NULL", name="ix_activity_open"),
    index("start_at", "id", where="start_at IS NOT NULL"),
    index("message_id", where="message_id IS NOT NULL"),
    index("thread_id", where="thread_id IS NOT NULL"),
    doc="Something done or to be done, usually about a record.",
)
