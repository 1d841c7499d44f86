"""What a plugin must be able to do, at every tier."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from plugin_sdk import Issue, Level, NotFound, Patch, Rejected

from .registry import control
from .tables import note


def _require(condition, message):
    if not condition:
        raise RuntimeError(message)


@control()
def write_and_read_own_table(ctx, new, facts):
    """Insert, update, read and delete rows of an own table."""
    key = uuid.uuid4()
    ctx.sql.execute(sa.insert(note).values(id=key, record_id=new.id, body="mine"))
    ctx.sql.execute(sa.update(note).where(note.c.id == key).values(body="changed"))
    _require(ctx.sql.scalar(sa.select(note.c.body).where(note.c.id == key)) == "changed", "not changed")
    _require(ctx.sql.execute(sa.delete(note).where(note.c.id == key)) == 1, "not deleted")


@control()
def upsert_own_row(ctx, new, facts):
    """Upsert a row of an own table."""
    key = uuid.uuid4()
    for body in ("one", "two"):
        statement = upsert(note).values(tenant_id=ctx.tenant_id, id=key, record_id=new.id, body=body)
        ctx.sql.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"body": body}))
    _require(ctx.sql.scalar(sa.select(note.c.body).where(note.c.id == key)) == "two", "not updated")
    ctx.sql.execute(sa.delete(note).where(note.c.id == key))


@control()
def aggregate_own_table(ctx, new, facts):
    """Group, join and count an own table."""
    other = note.alias()
    joined = note.join(other, note.c.id == other.c.id)
    query = sa.select(note.c.record_id, sa.func.count().label("n")).select_from(joined).group_by(note.c.record_id)
    ctx.sql.rows(query.order_by(sa.desc("n")).limit(5))


@control("record_before_write")
def patch_a_field(ctx, new, facts):
    """Change a field of the record about to be written."""
    return Patch({"website": "https://example.test"})


@control("record_before_write")
def patch_own_field(ctx, new, facts):
    """Set an own field of the record about to be written."""
    return Patch(fields={"mark": "patched"})


@control()
def set_own_field(ctx, new, facts):
    """Set and read an own field."""
    ctx.fields.set("account", new.id, {"mark": "set"})
    _require(ctx.fields.get("account", [new.id])[new.id]["mark"] == "set", "not set")


@control("record_validate")
def warn(ctx, new, facts):
    """Warn without refusing."""
    return [Issue("careful", "have a look", level=Level.WARNING)]


@control()
def read_through_the_api(ctx, new, facts):
    """Read and list records through ctx.api."""
    _require(ctx.api.get("account", new.id)["name"] == new["name"], "another name")
    _require(ctx.api.list("account", limit=2).records, "no records")


@control()
def write_through_the_api(ctx, new, facts):
    """Create a record through ctx.api."""
    made = ctx.api.create("account", {"name": "made by a plugin"})
    ctx.api.delete("account", made.id)


@control()
def catch_a_refusal(ctx, new, facts):
    """Catch what the API refuses and go on."""
    try:
        ctx.api.get("account", uuid.uuid4())
    except NotFound:
        pass
    try:
        ctx.api.create("account", {"name": ""})
    except Rejected:
        pass


@control()
def catch_own_conflict(ctx, new, facts):
    """Catch the violation of an own key and go on."""
    from plugin_sdk import SdkError

    key = uuid.uuid4()
    row = {"id": key, "record_id": new.id, "body": "once"}
    ctx.sql.execute(sa.insert(note).values(row))
    try:
        ctx.sql.execute(sa.insert(note).values(row))
    except SdkError:
        pass
    _require(ctx.sql.scalar(sa.select(sa.func.count()).select_from(note).where(note.c.id == key)) == 1, "lost")
    ctx.sql.execute(sa.delete(note).where(note.c.id == key))


@control()
def use_the_standard_library(ctx, new, facts):
    """Import and use the standard library."""
    import datetime as dt
    import decimal
    import hashlib
    import json
    import random
    import re
    import zoneinfo

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    dt.datetime.now(berlin)
    json.dumps({"sum": str(decimal.Decimal("0.1") + 1), "hash": hashlib.sha256(b"x").hexdigest()})
    _require(re.fullmatch("[a-z]+", "abc") and random.random() < 1, "no library")


@control()
def log_a_line(ctx, new, facts):
    """Write to the log."""
    ctx.log.info("seen %s", new.id)


@control()
def read_context(ctx, new, facts):
    """Read tenant, actor, request, time and settings."""
    _require(ctx.tenant_id and ctx.request_id and ctx.now.tzinfo and ctx.plugin == "attacker", "no context")
    _require(ctx.settings["other_tenant"] == facts["other_tenant"], "no settings")
