"""The own table both plugins write the events into that they receive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import Column, Text, Uuid, insert

from plugin_sdk.db import Namespace

if TYPE_CHECKING:
    from sqlalchemy import Table

    from plugin_sdk import Context, Event


def seen_table(plugin: str) -> Table:
    """Declare the table in the plugin's namespace."""
    return Namespace(plugin).table("seen", Column("event_id", Uuid()), Column("name", Text()), Column("what", Text()))


def note(ctx: Context, table: Table, event: Event, what: str) -> None:
    """Write one row for one event."""
    row: dict[str, Any] = {"id": uuid4(), "event_id": event.id, "name": event.record["name"], "what": what}
    ctx.sql.execute(insert(table).values(**row))
