from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from crm_core.plugins.metrics import CONTENT_TYPE, Metric
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

_HOOKS = """\
from plugin_sdk import hookimpl
FAIL = []

@hookimpl
def record_before_write(new):
    if FAIL:
        raise RuntimeError("broken")
"""
_MANIFEST = '[hooks.record_before_write]\nrecord_types = ["account"]'


def test_a_scrape_tells_calls_failures_and_breakers_of_the_tenants_plugins(
    database_url: str, make_plugin: MakePlugin
) -> None:
    metered = make_plugin("metered", _HOOKS, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[metered]) as app:
            client = app.client()
            for fail in ([], [1], [1], [1], []):
                sys.modules[metered.module].FAIL[:] = fail
                await client.post("/accounts", json={"name": "A"})
            answer = await client.get("/metrics")
            assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
            lines = answer.text.splitlines()
            place = '{plugin="metered",where="record_before_write"}'
            for line in (
                "# TYPE crm_plugin_calls_total counter",
                f"crm_plugin_calls_total{place} 4",
                f"crm_plugin_failures_total{place} 3",
                f"crm_plugin_skipped_total{place} 1",
                'crm_plugin_enabled{plugin="metered"} 1',
                'crm_plugin_breaker{plugin="metered",state="open"} 1',
                'crm_plugin_breaker{plugin="metered",state="closed"} 0',
                'crm_plugin_failed_operations_total{plugin="metered"} 3',
            ):
                assert line in lines, (line, answer.text)

            elsewhere = await app.add_tenant("elsewhere")
            assert (await app.client(tenant_id=elsewhere).get("/metrics")).text == ""
            assert (await app.client("read_only").get("/metrics")).status_code == 403
            assert (await client.get("/metrics", headers={"authorization": ""}, auth=None)).status_code == 401

    run(scenario())


def test_a_plugin_in_processes_of_its_own_is_counted_alike_and_so_are_they(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    hooks = """\
import os
from plugin_sdk import hookimpl

@hookimpl
def record_before_write(new):
    if new["name"] == "die":
        os._exit(1)
"""
    metered = make_plugin("metered", hooks, _MANIFEST)

    async def scenario() -> dict[str, str]:
        async with running(sqlite_url, plugins=[metered], tier="isolated") as app:
            client = app.client()
            for name in ("A", "die", "B"):
                await client.post("/accounts", json={"name": name})
            lines = [line.rpartition(" ") for line in (await client.get("/metrics")).text.splitlines()]
        return {name: value for name, _, value in lines}

    found = run(scenario())
    place = '{plugin="metered",where="record_before_write"}'
    assert found[f"crm_plugin_calls_total{place}"] == "3"
    assert found[f"crm_plugin_failures_total{place}"] == "1"
    assert float(found[f"crm_plugin_seconds_total{place}"]) > 0
    assert found['crm_plugin_workers{plugin="metered"}'] == "1"
    assert found['crm_plugin_worker_starts_total{plugin="metered"}'] == "2"
    assert found['crm_plugin_worker_replacements_total{plugin="metered"}'] == "1"
    assert float(found['crm_plugin_worker_memory_bytes{plugin="metered"}']) > 1_000_000


def test_labels_cannot_break_out_of_their_line() -> None:
    metric = Metric("crm_x", "gauge", "X.", [({"where": 'GET /"a\\b\n'}, 0.5)])
    assert list(metric.lines()) == ["# HELP crm_x X.", "# TYPE crm_x gauge", 'crm_x{where="GET /\\"a\\\\b\\n"} 0.5']
