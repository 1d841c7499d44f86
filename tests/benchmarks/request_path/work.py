"""What every candidate does for one record: the tables, the statements, the draft with its hooks, the answer."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import uuid

import msgspec
import sqlalchemy as sa
from fastapi import Request, Response
from sqlalchemy.dialects import postgresql, sqlite

CANDIDATE = os.environ["CANDIDATE"]
URL = os.environ["SPIKE_URL"]
PG = URL.startswith("postgresql")
TENANT = uuid.UUID(int=1)
KEY = "crm_spike_key"
KEYS = {hashlib.sha256(KEY.encode()).digest(): TENANT}

meta = sa.MetaData()
T = sa.Uuid()
record = sa.Table(
    "record",
    meta,
    sa.Column("tenant_id", T, primary_key=True),
    sa.Column("id", T, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
)
account = sa.Table(
    "account",
    meta,
    sa.Column("tenant_id", T, primary_key=True),
    sa.Column("id", T, primary_key=True),
    *[
        sa.Column(n, sa.Text)
        for n in ("name", "legal_name", "industry", "status", "website", "language", "description")
    ],
    sa.Column("owner_id", T),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("updated_at", sa.DateTime(timezone=True)),
    sa.ForeignKeyConstraint(["tenant_id", "id"], ["record.tenant_id", "record.id"]),
)
audit = sa.Table(
    "audit_event",
    meta,
    sa.Column("tenant_id", T, primary_key=True),
    sa.Column("id", T, primary_key=True),
    sa.Column("record_id", T),
    sa.Column("actor", T),
    sa.Column("action", sa.Text),
    sa.Column("diff", sa.Text),
    sa.Column("at", sa.DateTime(timezone=True)),
)
outbox = sa.Table(
    "outbox",
    meta,
    sa.Column("tenant_id", T, primary_key=True),
    sa.Column("id", T, primary_key=True),
    sa.Column("topic", sa.Text),
    sa.Column("record_id", T),
    sa.Column("payload", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True)),
)
bare = sa.Table("bare_account", meta, *[c._copy() for c in account.columns])
side = sa.Table(
    "plugin_ledger",
    meta,
    sa.Column("tenant_id", T, primary_key=True),
    sa.Column("id", T, primary_key=True),
    sa.Column("points", sa.Integer),
)

DIALECT = (
    postgresql.asyncpg.dialect()
    if PG and CANDIDATE != "threads"
    else postgresql.psycopg.dialect()
    if PG
    else sqlite.dialect(paramstyle="qmark")
)


class Prepared:
    def __init__(self, stmt):
        self.stmt = stmt
        c = stmt.compile(dialect=DIALECT)
        self.text = str(c)
        self.order = c.positiontup
        self.binders = [(n, c._bind_processors.get(n)) for n in (c.positiontup or [])]
        if PG and CANDIDATE == "threads":
            import re

            self.binders = [(n, None) for n in re.findall(r"%\((\w+)\)s", self.text)]
            self.text = re.sub(r"%\((\w+)\)s(::\w+( WITH TIME ZONE)?)?", "%s", self.text)
        types = [col.type for col in getattr(stmt, "selected_columns", [])]
        self.decoders = [t.dialect_impl(DIALECT).result_processor(DIALECT, None) for t in types]

    def bind(self, values):
        return [p(values[n]) if p else values[n] for n, p in self.binders]


def insert(t):
    return sa.insert(t).values({c.name: sa.bindparam(f"{t.name}_{c.name}", type_=c.type) for c in t.columns})


INSERTS = [insert(t) for t in (record, account, audit, outbox)]
GET = sa.select(account).where(
    account.c.tenant_id == sa.bindparam("t", type_=T), account.c.id == sa.bindparam("i", type_=T)
)
P_INSERTS = [Prepared(s) for s in INSERTS]
P_SIDE = Prepared(insert(side))
P_GET = Prepared(GET)


def cte(parts):
    if not PG:
        return None, None
    import re

    texts, binders, n = [], [], 0
    for k, p in enumerate(parts):
        text = (
            p.text if CANDIDATE == "threads" else re.sub(r"\$(\d+)", lambda m, n=n: f"${int(m.group(1)) + n}", p.text)
        )
        n += len(p.binders)
        texts.append(f"s{k} AS ({text})")
        binders += p.binders
    return "WITH " + ", ".join(texts) + " SELECT 1", binders


CTE_TEXT, CTE_BINDERS = cte(P_INSERTS)
Out = msgspec.defstruct("Out", [(str(c.name), object) for c in account.columns])
encode = msgspec.json.Encoder().encode
In = msgspec.defstruct(
    "In",
    [("name", str), ("industry", str | None, None), ("website", str | None, None), ("description", str | None, None)],
    forbid_unknown_fields=True,
)
decode = msgspec.json.Decoder(In).decode


def make_hook(i):
    def record_before_write(ctx, draft):
        return {"industry": "x"} if i == 99 else None

    return record_before_write


PLAN = [(f"p{i}", make_hook(i)) for i in range(5)]


def authenticate(request: Request):
    raw = request.headers.get("authorization", "")
    return KEYS[hashlib.sha256(raw[7:].encode()).digest()]


def build(body: bytes, tenant):
    data = decode(body)
    draft = {"name": data.name, "industry": data.industry, "website": data.website, "description": data.description}
    for plugin, fn in PLAN:
        try:
            patch = fn(None, draft)
        except Exception:
            raise
        if patch:
            draft.update(patch)
    now = dt.datetime.now(dt.UTC)
    rid, eid = uuid.uuid4(), uuid.uuid4()
    row = {
        "tenant_id": tenant,
        "id": rid,
        "legal_name": None,
        "status": "active",
        "language": None,
        "owner_id": TENANT,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        **draft,
    }
    diff = encode(draft).decode()
    params = {f"account_{k}": v for k, v in row.items()}
    params |= {"record_tenant_id": tenant, "record_id": rid, "record_type": "account"}
    params |= {
        "audit_event_tenant_id": tenant,
        "audit_event_id": eid,
        "audit_event_record_id": rid,
        "audit_event_actor": TENANT,
        "audit_event_action": "create",
        "audit_event_diff": diff,
        "audit_event_at": now,
    }
    params |= {
        "outbox_tenant_id": tenant,
        "outbox_id": eid,
        "outbox_topic": "account.created",
        "outbox_record_id": rid,
        "outbox_payload": diff,
        "outbox_created_at": now,
    }
    params |= {"plugin_ledger_tenant_id": tenant, "plugin_ledger_id": rid, "plugin_ledger_points": 1}
    return row, params


def answer(row):
    return Response(encode(Out(**row)), 201, media_type="application/json")


async def prepare():
    """Make the tables anew."""
    if PG:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(URL.replace("postgresql", "postgresql+asyncpg"))
        async with engine.begin() as con:
            await con.run_sync(meta.drop_all)
            await con.run_sync(meta.create_all)
        await engine.dispose()
    else:
        engine = sa.create_engine(URL)
        meta.drop_all(engine)
        meta.create_all(engine)
        engine.dispose()
