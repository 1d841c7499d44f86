from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.jobs import jobs_forever, run_due, scheduler
from crm_core.schema import account, job
from plugin_sdk.ids import new_id
from tests.support.background import World, another_process, world
from tests.support.background_plugins import steady

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

_NOW = dt.datetime(2031, 5, 1, 12, tzinfo=dt.UTC)
_HOUR = dt.timedelta(hours=1)


def _run(url: str, work: Callable[[World], Awaitable[None]], *enabled: str) -> None:
    async def run() -> None:
        async with world(url, *enabled) as here:
            await work(here)

    asyncio.run(run())


async def _row(here: World, plugin: str, name: str) -> Any:
    columns = (job.c.next_run_at, job.c.claimed_until, job.c.last_started_at, job.c.last_error)
    [row] = await here.rows(sa.select(*columns).where(job.c.plugin == plugin, job.c.name == name))
    return row


def test_a_job_runs_when_first_seen_and_then_on_its_beat(database_url: str) -> None:
    async def work(here: World) -> None:
        report = await run_due(here.runtime, now=_NOW)
        assert report.runs == ((here.tenant_id, "steady", "account", None),)
        assert await here.rows(sa.select(account.c.name)) == [("made by a job",)]
        assert await _row(here, "steady", "account") == (_NOW + _HOUR, None, _NOW, None)
        assert (await run_due(here.runtime, now=_NOW + _HOUR - dt.timedelta(seconds=1))).runs == ()
        late = _NOW + 3 * _HOUR + dt.timedelta(minutes=20)
        assert len((await run_due(here.runtime, now=late)).runs) == 1
        assert await _row(here, "steady", "account") == (_NOW + 4 * _HOUR, None, late, None)

    _run(database_url, work, "steady")


def test_a_failing_job_keeps_its_error_and_its_beat_and_nothing_it_wrote(database_url: str) -> None:
    async def work(here: World) -> None:
        report = await run_due(here.runtime, now=_NOW)
        assert [(run.plugin, run.name, run.error) for run in report.runs] == [
            ("steady", "account", None),
            (
                "troubled",
                "exit",
                "RuntimeError: job exit tried to end the process with SystemExit: 3; return from it instead",
            ),
            ("troubled", "fail", "ValueError: this job always fails"),
        ]
        assert [run.name for run in report.failed] == ["exit", "fail"]
        assert await here.rows(sa.select(account.c.name)) == [("made by a job",)]
        following = _NOW + _HOUR
        assert await _row(here, "troubled", "fail") == (following, None, _NOW, "ValueError: this job always fails")
        assert (await run_due(here.runtime, now=_NOW)).runs == ()

    _run(database_url, work, "steady", "troubled")


def test_only_enabled_plugins_of_open_tenants_run(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.disable("steady")
        assert (await run_due(here.runtime, now=_NOW)).runs == ()
        assert await here.rows(sa.select(job.c.name)) == []

    _run(database_url, work, "steady")


def test_filters_and_force_choose_what_runs(database_url: str) -> None:
    async def work(here: World) -> None:
        async def names(**options: Any) -> list[str]:
            return [run.name for run in (await run_due(here.runtime, now=_NOW, **options)).runs]

        assert await names(plugin="troubled", job="fail") == ["fail"]
        assert await names(plugin="steady", tenant_id=new_id()) == []
        assert await names(plugin="steady", tenant_id=here.tenant_id) == ["account"]
        assert await names(plugin="steady") == []
        assert await names(plugin="steady", force=True) == ["account"]
        # Run ahead of time by hand, its usual time stays.
        assert (await _row(here, "steady", "account"))[0] == _NOW + _HOUR

    _run(database_url, work, "steady", "troubled")


def test_a_claimed_job_is_left_alone_until_its_lease_ends(database_url: str) -> None:
    async def work(here: World) -> None:
        await run_due(here.runtime, now=_NOW)
        await here.execute(sa.update(job).values(claimed_until=_NOW + 2 * _HOUR))
        assert (await run_due(here.runtime, now=_NOW + _HOUR)).runs == ()
        assert (await run_due(here.runtime, now=_NOW + _HOUR, force=True)).runs == ()
        assert len((await run_due(here.runtime, now=_NOW + 2 * _HOUR)).runs) == 1

    _run(database_url, work, "steady")


def test_two_processes_at_once_run_a_job_once(postgres_url: str) -> None:
    async def work(here: World) -> None:
        async with another_process(here) as other:
            reports = await asyncio.gather(*(run_due(each.runtime, now=_NOW) for each in (here, other, here, other)))
        assert sum(len(report.runs) for report in reports) == 1
        assert [str(here.tenant_id)] == steady.RUNS

    _run(postgres_url, work, "steady")


def test_a_lease_is_renewed_while_its_job_runs(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "_RENEW_SECONDS", 0.01)

    async def work(here: World) -> None:
        leases: list[dt.datetime] = []

        class Slow:
            """The runtime, whose job goes on until its lease has been renewed twice."""

            database, jobs = here.runtime.database, here.runtime.jobs

            async def run_for_plugin(self, *_: Any, **__: Any) -> None:
                while len(set(leases)) < 3:
                    leases.append((await _row(here, "steady", "account"))[1])

        slow: Any = Slow()
        report = await asyncio.wait_for(run_due(slow, now=_NOW), 20)
        assert [run.error for run in report.runs] == [None]
        step = dt.timedelta(seconds=0.01)
        first = _NOW + dt.timedelta(minutes=10)
        # A look may come too late for one renewal, never for an order or a moment of its own.
        assert leases == sorted(leases)
        assert all(lease >= first and (lease - first) % step == dt.timedelta() for lease in leases)
        assert (await _row(here, "steady", "account"))[1] is None

    _run(database_url, work, "steady")


def test_the_loop_runs_jobs_until_it_is_stopped(database_url: str) -> None:
    async def work(here: World) -> None:
        stop = asyncio.Event()
        loop = asyncio.create_task(jobs_forever(here.runtime, stop, 0.001))
        while not await here.rows(sa.select(job.c.name).where(job.c.last_finished_at.is_not(None))):
            assert not loop.done()
        stop.set()
        await asyncio.wait_for(loop, 20)
        assert [str(here.tenant_id)] == steady.RUNS

    _run(database_url, work, "steady")
