"""Candidate request paths for one record create and one get, all doing the same work.

The work: bearer authentication (hash and look-up), five before-hooks, record anchor, account,
audit event and outbox row, commit, JSON answer. Chosen by CANDIDATE in the environment:

* ``raw``      PostgreSQL: ASGI + asyncpg and one bare insert, the limit without the features;
               SQLite: the route, the draft and the hooks, but one bare insert
* ``bridge``   async route; plain-function service in a greenlet; statements compiled once;
               one CTE through asyncpg (SQLite: one writer thread, sqlite3)
* ``threads``  ``def`` route in the thread pool; the same statements through psycopg (PostgreSQL only)
* ``sacore``   async route; the same service; SQLAlchemy Core connection executes the constructs
               (asyncpg on PostgreSQL; SQLAlchemy on the writer thread on SQLite)
* ``bridge_tx`` like ``bridge`` with BEGIN, an in-transaction hook that writes, COMMIT
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import os
import sqlite3
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy.util import await_only, greenlet_spawn
from work import (
    CANDIDATE,
    CTE_BINDERS,
    CTE_TEXT,
    GET,
    INSERTS,
    P_GET,
    P_INSERTS,
    P_SIDE,
    PG,
    TENANT,
    URL,
    Out,
    Prepared,
    answer,
    authenticate,
    bare,
    build,
    decode,
    encode,
    prepare,
)

app = FastAPI()
state: dict = {}

if PG and CANDIDATE in {"raw", "bridge", "bridge_tx"}:
    import asyncpg

    async def start():
        async def noreset(con):
            return None

        state["pool"] = await asyncpg.create_pool(
            URL, min_size=16, max_size=16, reset=noreset, statement_cache_size=500
        )

    class Unit:
        def __init__(self, con):
            self.con = con

        def fetch(self, text, params):
            return await_only(self.con.fetch(text, *params))

    def service_create(unit, body, tenant):
        row, params = build(body, tenant)
        if CANDIDATE == "bridge_tx":
            await_only(unit.con.execute("BEGIN"))
            unit.fetch(CTE_TEXT, [p(params[n]) if p else params[n] for n, p in CTE_BINDERS])
            unit.fetch(P_SIDE.text, P_SIDE.bind(params))
            await_only(unit.con.execute("COMMIT"))
        else:
            unit.fetch(CTE_TEXT, [p(params[n]) if p else params[n] for n, p in CTE_BINDERS])
        return row

    def service_get(unit, tenant, rid):
        r = unit.fetch(P_GET.text, P_GET.bind({"t": tenant, "i": rid}))[0]
        return r

    @app.post("/accounts", response_model=None)
    async def create(request: Request):
        tenant = authenticate(request)
        body = await request.body()
        async with state["pool"].acquire() as con:
            row = await greenlet_spawn(service_create, Unit(con), body, tenant)
        return answer(row)

    @app.get("/accounts/{id}", response_model=None)
    async def get(request: Request):
        tenant = authenticate(request)
        async with state["pool"].acquire() as con:
            r = await greenlet_spawn(service_get, Unit(con), tenant, uuid.UUID(request.path_params["id"]))
        return Response(encode(Out(*r)), media_type="application/json")

elif PG and CANDIDATE == "threads":
    import psycopg_pool

    async def start():
        state["pool"] = psycopg_pool.ConnectionPool(
            URL, min_size=16, max_size=16, open=True, kwargs={"autocommit": True}
        )
        import anyio.to_thread

        anyio.to_thread.current_default_thread_limiter().total_tokens = 16

    @app.post("/accounts", response_model=None)
    def create(request: Request, body: dict):
        tenant = authenticate(request)
        row, params = build(encode(body), tenant)
        with state["pool"].connection() as con:
            con.execute(CTE_TEXT, [params[n] for n, _ in CTE_BINDERS], prepare=True)
        return answer(row)

    @app.get("/accounts/{id}", response_model=None)
    def get(request: Request):
        tenant = authenticate(request)
        with state["pool"].connection() as con:
            r = con.execute(
                P_GET.text,
                [{"t": tenant, "i": uuid.UUID(request.path_params["id"])}[n] for n, _ in P_GET.binders],
                prepare=True,
            ).fetchone()
        return Response(encode(Out(*r)), media_type="application/json")

elif PG:
    from sqlalchemy.ext.asyncio import create_async_engine

    one = sa.select(sa.literal(1)).add_cte(*[s.cte(f"s{k}") for k, s in enumerate(INSERTS)])

    async def start():
        state["engine"] = create_async_engine(
            URL.replace("postgresql", "postgresql+asyncpg"), pool_size=16, isolation_level="AUTOCOMMIT"
        )

    @app.post("/accounts", response_model=None)
    async def create(request: Request):
        tenant = authenticate(request)
        row, params = build(await request.body(), tenant)
        async with state["engine"].connect() as con:
            await con.execute(one, params)
        return answer(row)

    @app.get("/accounts/{id}", response_model=None)
    async def get(request: Request):
        tenant = authenticate(request)
        async with state["engine"].connect() as con:
            r = (await con.execute(GET, {"t": tenant, "i": uuid.UUID(request.path_params["id"])})).one()
        return Response(encode(Out(*r)), media_type="application/json")

else:  # SQLite
    PATH = URL.removeprefix("sqlite:///")

    def connect():
        con = sqlite3.connect(PATH, isolation_level=None, check_same_thread=False, cached_statements=512)
        for p in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            con.execute(f"PRAGMA {p}")
        return con

    async def start():
        state["w"] = ThreadPoolExecutor(1)
        state["r"] = ThreadPoolExecutor(4)
        state["wc"], state["rc"] = connect(), [connect() for _ in range(4)]
        if CANDIDATE == "sacore":
            e = sa.create_engine(URL, connect_args={"check_same_thread": False})

            @sa.event.listens_for(e, "connect")
            def pragmas(con, _):
                for p in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                    con.execute(f"PRAGMA {p}")

            state["engine"] = e

    P_BARE = Prepared(
        sa.insert(bare).values({c.name: sa.bindparam(f"account_{c.name}", type_=c.type) for c in bare.columns})
    )

    def bare_create(body, tenant):
        row, params = build(body, tenant)
        state["wc"].execute(P_BARE.text, P_BARE.bind(params))
        return row

    def raw_create(body, tenant):
        row, params = build(body, tenant)
        con = state["wc"]
        con.execute("BEGIN IMMEDIATE")
        for p in P_INSERTS:
            con.execute(p.text, p.bind(params))
        con.execute("COMMIT")
        return row

    def core_create(body, tenant):
        row, params = build(body, tenant)
        with state["engine"].begin() as con:
            for s in INSERTS:
                con.execute(s, params)
        return row

    def raw_get(tenant, rid):
        con = state["rc"].pop()
        r = con.execute(P_GET.text, P_GET.bind({"t": tenant, "i": rid})).fetchone()
        state["rc"].append(con)
        return [d(v) if d and v is not None else v for d, v in zip(P_GET.decoders, r)]

    def core_get(tenant, rid):
        with state["engine"].connect() as con:
            return con.execute(GET, {"t": tenant, "i": rid}).one()

    FN = {
        "raw": (bare_create, raw_get),
        "bridge": (raw_create, raw_get),
        "inline": (raw_create, raw_get),
        "sacore": (core_create, core_get),
    }[CANDIDATE]

    @app.post("/accounts", response_model=None)
    async def create(request: Request):
        tenant = authenticate(request)
        body = await request.body()
        return answer(await asyncio.get_running_loop().run_in_executor(state["w"], FN[0], body, tenant))

    @app.get("/accounts/{id}", response_model=None)
    async def get(request: Request):
        tenant = authenticate(request)
        rid = uuid.UUID(request.path_params["id"])
        if CANDIDATE == "inline":
            r = FN[1](tenant, rid)
        else:
            r = await asyncio.get_running_loop().run_in_executor(state["r"], FN[1], tenant, rid)
        return Response(encode(Out(*r)), media_type="application/json")


if PG and CANDIDATE == "raw":
    BARE = "INSERT INTO bare_account (tenant_id,id,name,version,created_at,updated_at) VALUES ($1,$2,$3,1,$4,$4)"

    async def raw_app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return
        if scope["method"] == "POST":
            body = (await receive())["body"]
            data = decode(body)
            rid, now = uuid.uuid4(), dt.datetime.now(dt.UTC)
            async with state["pool"].acquire() as con:
                await con.execute(BARE, TENANT, rid, data.name, now)
            out, code = encode({"id": rid, "name": data.name}), 201
        else:
            async with state["pool"].acquire() as con:
                r = await con.fetchrow(
                    P_GET.text, *P_GET.bind({"t": TENANT, "i": uuid.UUID(scope["path"].rsplit("/", 1)[1])})
                )
            out, code = encode(Out(*r)), 200
        await send(
            {
                "type": "http.response.start",
                "status": code,
                "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(out)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": out})

    target = raw_app
else:
    target = app

    async def _start():
        await start()
        gc.collect()
        gc.freeze()

    app.router.on_startup.append(_start) if hasattr(app.router, "on_startup") else app.add_event_handler(
        "startup", _start
    )

if __name__ == "__main__":
    if "--prepare" in sys.argv:
        asyncio.run(prepare())
        sys.exit()
    uvicorn.run(target, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error", access_log=False)
