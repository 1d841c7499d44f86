from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from crm_core.db.statements import Statement
from crm_core.errors import PluginUnavailable
from crm_core.jobs.scheduler import run_due
from crm_core.outbox import drain, parked
from crm_core.plugins.listing import of_tenant
from crm_core.runtime import opened
from crm_core.schema import audit_event, plugin_history
from crm_core.settings import Settings
from tests.support.app import run, running

if TYPE_CHECKING:
    import threading

    from crm_core.records.scope import Scope
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

_FRAGILE = """\
import threading
from datetime import timedelta
from plugin_sdk import Issue, Job, Rejected, hookimpl
from plugin_sdk.http import Route
from pydantic import BaseModel

MODE = ["good"]
CALLS = []
STARTED, GATE = threading.Event(), threading.Event()

class Answer(BaseModel):
    text: str

def meet(hook):
    CALLS.append(hook)
    mode = MODE[0]
    if mode == "wait":
        STARTED.set()
        GATE.wait(20)
    if mode == "bad":
        raise RuntimeError(f"broken in {hook}")
    if mode == "no":
        raise Rejected([Issue("no", "not like this")])

"""
_HOOKS = {
    "record_before_write": "def record_before_write(ctx, new):\n    meet('record_before_write')",
    "record_validate": "def record_validate(new):\n    meet('record_validate')",
    "record_load": "def record_load(ids):\n    meet('record_load')",
    "record_committed": "def record_committed(ctx, event):\n    meet('record_committed')",
    "scheduled_jobs": (
        "def scheduled_jobs():\n    return [Job('tidy', timedelta(seconds=60), lambda ctx: meet('job'))]"
    ),
    "routes": (
        "def routes():\n"
        "    def ask(ctx, request):\n"
        "        meet('route')\n"
        "        return Answer(text='fine')\n"
        "    return [Route('GET', '/ask', 'account:read', ask, Answer)]"
    ),
}
_COMPUTED = """\
[[fields]]
record_type = "account"
key = "rank"
kind = "integer"
computed = true
label = { en = "Rank" }
"""
_LOADED = {"scheduled_jobs", "routes"}


def _fragile(make_plugin: MakePlugin, *hooks: str) -> Any:
    code = _FRAGILE + "\n\n".join(f"@hookimpl\n{_HOOKS[hook]}" for hook in hooks)
    manifest = "".join(
        f"[hooks.{hook}]\n" + ("" if hook in _LOADED else 'record_types = ["account"]\n') for hook in hooks
    )
    return make_plugin("fragile", code, manifest + (_COMPUTED if "record_load" in hooks else ""))


def _module(plugin: Any) -> Any:
    return sys.modules[plugin.module]


async def _make(app: RunningApp, name: str = "A") -> Any:
    return await app.client().post("/accounts", json={"name": name})


async def _shown(app: RunningApp) -> Any:
    (entry,) = (await app.client().get("/plugins")).json()["data"]
    return entry


async def _rows(app: RunningApp, *columns: Any) -> list[Any]:
    statement = Statement(sa.select(*columns).order_by(columns[0].table.c.id))
    return await app.as_system(lambda scope: [tuple(row) for row in scope.uow.fetch(statement, {})])


def test_a_plugin_that_fails_three_times_rests_and_the_core_goes_on_without_it(
    database_url: str, make_plugin: MakePlugin
) -> None:
    fragile = _fragile(make_plugin, "record_before_write")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile]) as app:
            _module(fragile).MODE[0] = "bad"
            failed = [await _make(app) for _ in range(3)]
            assert [answer.json()["code"] for answer in failed] == ["hook_failed"] * 3
            assert (await app.client().get("/accounts")).json()["data"] == []
            assert (await _make(app, "B")).status_code == 201
            assert len(_module(fragile).CALLS) == 3

            shown = await _shown(app)
            health = shown["health"]
            assert (shown["state"], health["breaker"], health["openings"], health["failures"]) == (
                "loaded",
                "open",
                1,
                3,
            )
            assert (health["hook"], health["reason"]) == (
                "record_before_write",
                "RuntimeError: broken in record_before_write",
            )
            assert health["request_id"] == failed[-1].headers.get("x-request-id") or failed[-1].json()["request_id"]
            assert "plugin fragile rests from" in shown["reason"]
            actions = dict(await _rows(app, audit_event.c.action, audit_event.c.diff))
            assert actions["plugin_paused"]["breaker"] == ["closed", "open"]
            assert actions["plugin_paused"]["plugin"] == [None, "fragile@1.0.0"]

    run(scenario())


def test_a_veto_that_cannot_be_asked_refuses_at_once_and_says_what_to_do(
    database_url: str, make_plugin: MakePlugin
) -> None:
    fragile = _fragile(make_plugin, "record_validate", "record_load")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile]) as app:
            _module(fragile).MODE[0] = "bad"
            for _ in range(3):
                assert (await _make(app)).status_code == 500
            refused = (await _make(app)).json()
            assert (refused["status"], refused["code"], refused["plugin"]) == (
                503,
                "plugin_unavailable",
                "fragile@1.0.0",
            )
            assert refused["detail"].startswith("record_validate needs fragile@1.0.0: plugin fragile rests from ")
            assert "RuntimeError: broken in record_validate" in refused["detail"]
            assert _module(fragile).CALLS == ["record_validate"] * 3
            client = app.client()
            assert (await client.get("/accounts")).json()["data"] == []
            assert _module(fragile).CALLS == ["record_validate"] * 3
            assert (await client.post("/plugins/fragile/disable")).status_code == 204
            assert (await _make(app)).status_code == 201

    run(scenario())


def test_a_plugin_that_fails_again_and_again_is_quarantined_until_somebody_resumes_it(
    database_url: str, make_plugin: MakePlugin
) -> None:
    fragile = _fragile(make_plugin, "record_before_write", "record_validate")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile], breaker_rest_seconds=0) as app:
            _module(fragile).MODE[0] = "bad"
            for _ in range(5):
                assert (await _make(app)).status_code == 500
            refused = (await _make(app)).json()
            assert (refused["status"], refused["state"]) == (503, "quarantined")
            assert "run crm plugin resume fragile or POST /plugins/fragile/resume" in refused["detail"]
            shown = await _shown(app)
            assert (shown["state"], shown["health"]["breaker"]) == ("quarantined", "quarantined")
            assert shown["reason"].startswith("plugin fragile is quarantined since ")

            _module(fragile).MODE[0] = "good"
            assert (await app.client("read_only").post("/plugins/fragile/resume")).status_code == 403
            resumed = await app.client().post("/plugins/fragile/resume")
            assert resumed.json() == {"resumed": True, "deliveries": 0}
            assert (await _make(app)).status_code == 201
            assert (await _shown(app))["state"] == "loaded"
            history = await _rows(app, plugin_history.c.action, plugin_history.c.actor, plugin_history.c.detail)
            assert [(action, actor) for action, actor, _ in history][-2:] == [
                ("quarantined", "crm-core"),
                ("resumed", "administrator"),
            ]
            assert history[-2][2]["reason"] == "RuntimeError: broken in record_before_write"

    run(scenario())


@pytest.mark.parametrize(("mode", "status"), [("good", 201), ("no", 422)], ids=["accepts", "refuses"])
def test_one_call_that_answers_closes_the_breaker(
    database_url: str, make_plugin: MakePlugin, mode: str, status: int
) -> None:
    fragile = _fragile(make_plugin, "record_validate")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile], breaker_rest_seconds=0) as app:
            _module(fragile).MODE[0] = "bad"
            for _ in range(3):
                assert (await _make(app)).status_code == 500
            assert (await _shown(app))["health"]["breaker"] == "half_open"
            _module(fragile).MODE[0] = mode
            assert (await _make(app)).status_code == status
            shown = (await _shown(app))["health"]
            assert (shown["breaker"], shown["recent_failures"], shown["openings"]) == ("closed", 0, 1)
            assert "plugin_recovered" in [action for (action,) in await _rows(app, audit_event.c.action)]

    run(scenario())


def test_a_refusal_is_no_failure(database_url: str, make_plugin: MakePlugin) -> None:
    fragile = _fragile(make_plugin, "record_validate")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile]) as app:
            _module(fragile).MODE[0] = "no"
            assert [(await _make(app)).status_code for _ in range(5)] == [422] * 5
            assert (await _shown(app))["health"] is None

    run(scenario())


def test_another_process_notices_and_another_tenant_is_not_concerned(
    database_url: str, make_plugin: MakePlugin
) -> None:
    fragile = _fragile(make_plugin, "record_validate")

    async def scenario() -> None:
        settings = Settings(database_url=database_url, plugin_tier="in_process", background=False, refresh_seconds=0.0)
        async with (
            running(database_url, plugins=[fragile], breaker_rest_seconds=0, refresh_seconds=0.0) as app,
            opened(settings, discovered=[fragile]) as other,
        ):
            client = app.client()
            elsewhere = await app.add_tenant("elsewhere")
            await app.client(tenant_id=elsewhere).post("/plugins/fragile/enable", json={})
            actor = await app.runtime.authentication.actor(f"Bearer {await app.key('administrator', app.tenant_id)}")

            def asked(scope: Scope) -> Any:
                return scope.hooks.issues("record_validate", "account", new=None)

            assert await other.run(actor, asked) == []
            _module(fragile).MODE[0] = "bad"
            for _ in range(5):
                assert (await client.post("/accounts", json={"name": "A"})).status_code == 500
            with pytest.raises(PluginUnavailable, match="fragile is quarantined since"):
                await other.run(actor, asked)
            (entry,) = await other.run(actor, of_tenant)
            assert entry["state"] == "quarantined"
            _module(fragile).MODE[0] = "good"
            assert (await app.client(tenant_id=elsewhere).post("/accounts", json={"name": "A"})).status_code == 201
            await client.post("/plugins/fragile/resume")
            assert await other.run(actor, asked) == []

    run(scenario())


def test_only_one_operation_tries_whether_it_works_again(postgres_url: str, make_plugin: MakePlugin) -> None:
    fragile = _fragile(make_plugin, "record_validate")

    async def scenario() -> None:
        async with running(postgres_url, plugins=[fragile], breaker_rest_seconds=0, hook_wall_ms=60_000) as app:
            module = _module(fragile)
            module.MODE[0] = "bad"
            for _ in range(3):
                assert (await _make(app)).status_code == 500
            module.MODE[0] = "wait"
            trial = asyncio.create_task(_make(app))
            started: threading.Event = module.STARTED
            assert await asyncio.to_thread(started.wait, 20)
            module.MODE[0] = "good"
            assert [(await _make(app)).status_code for _ in range(2)] == [503, 503]
            module.GATE.set()
            assert (await trial).status_code == 201
            assert (await _make(app)).status_code == 201

    run(scenario())


def test_failures_of_reads_routes_jobs_and_deliveries_count(database_url: str, make_plugin: MakePlugin) -> None:
    fragile = _fragile(make_plugin, "record_load", "record_committed", "scheduled_jobs", "routes")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile], breaker_failures=100) as app:
            client = app.client()
            await _make(app)
            _module(fragile).MODE[0] = "bad"
            seen = []
            for act in (
                lambda: client.get("/accounts"),
                lambda: client.get("/x/fragile/ask"),
                lambda: run_due(app.runtime),
                lambda: drain(app.runtime),
            ):
                await act()
                health = (await _shown(app))["health"]
                seen.append((health["hook"], health["recent_failures"]))
            assert seen == [("record_load", 1), ("GET /ask", 2), ("job tidy", 3), ("record_committed", 4)]

    run(scenario())


def test_what_waits_for_a_quarantined_plugin_is_done_after_it_is_resumed(
    database_url: str, make_plugin: MakePlugin
) -> None:
    fragile = _fragile(make_plugin, "record_before_write", "record_committed", "scheduled_jobs", "routes")

    async def scenario() -> None:
        async with running(database_url, plugins=[fragile], breaker_rest_seconds=0) as app:
            client, module = app.client(), _module(fragile)
            module.MODE[0] = "bad"
            for _ in range(5):
                assert (await _make(app)).status_code == 500
            module.CALLS.clear()
            assert (await _make(app, "kept")).status_code == 201
            answer = await client.get("/x/fragile/ask")
            assert (answer.status_code, answer.json()["code"]) == (503, "plugin_unavailable")
            (job,) = (await run_due(app.runtime)).runs
            assert "job tidy needs fragile@1.0.0: plugin fragile is quarantined" in (job.error or "")
            report = await drain(app.runtime)
            assert (report.deliveries, report.failures) == (0, 0)
            (waiting,) = await app.as_system(parked)
            assert "record_committed needs fragile@1.0.0" in (waiting.last_error or "")
            assert module.CALLS == []

            module.MODE[0] = "good"
            assert (await client.post("/plugins/fragile/resume")).json() == {"resumed": True, "deliveries": 1}
            assert (await drain(app.runtime)).deliveries == 1
            assert module.CALLS == ["record_committed"]
            assert await app.as_system(parked) == []

    run(scenario())


def test_one_bad_event_is_no_bad_plugin(sqlite_url: str, make_plugin: MakePlugin) -> None:
    fragile = _fragile(make_plugin, "record_committed")

    async def scenario() -> None:
        async with running(sqlite_url, plugins=[fragile]) as app:
            await _make(app)
            _module(fragile).MODE[0] = "bad"
            for _ in range(6):
                await drain(app.runtime)
                await app.as_system(
                    lambda scope: scope.uow.execute(
                        Statement(sa.text("UPDATE plat_delivery SET available_at = '2000-01-01 00:00:00.000000'")), {}
                    )
                )
            health = (await _shown(app))["health"]
            assert (health["breaker"], health["recent_failures"], health["failures"]) == ("closed", 1, 6)

    run(scenario())


def test_an_operation_keeps_its_answer_where_its_failures_cannot_be_written_down(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    fragile = _fragile(make_plugin, "record_load")

    async def scenario() -> None:
        async with running(sqlite_url, plugins=[fragile], refresh_seconds=1000) as app:
            made = (await _make(app)).json()
            with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
                connection.execute("DROP TABLE plat_plugin_health")
            connection.close()
            _module(fragile).MODE[0] = "bad"
            answer = await app.client().get("/accounts")
            assert [each["id"] for each in answer.json()["data"]] == [made["id"]]

    with caplog.at_level(logging.ERROR, "crm_core.runtime"):
        run(scenario())
    assert "could not be written down" in caplog.text
