from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from crm_core.actors import system_actor
from crm_core.db.unit import RecordWrite
from crm_core.identity.tenants import add_tenant
from crm_core.outbox import RelayReport, RelayRuntime, claims, deliver_due, drain, relay_forever
from crm_core.outbox.delivery import deliver
from crm_core.records.traces import traces
from crm_core.schema import delivery, outbox
from plugin_sdk.ids import new_id
from tests.support.background import World, another_process, world
from tests.support.background_plugins import steady, troubled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crm_core.outbox.delivery import Delivery, Tally
    from crm_core.records.scope import Scope

_ROOT = Path(__file__).parents[3]


def _run(url: str, work: Callable[[World], Awaitable[None]], *enabled: str) -> None:
    async def run() -> None:
        async with world(url, *enabled) as here:
            await work(here)

    asyncio.run(run())


async def _open_events(here: World) -> int:
    [(count,)] = await here.rows(sa.select(sa.func.count().label("n")).where(outbox.c.done_at.is_(None)))
    return int(count)


async def _deliveries(here: World) -> list[tuple[Any, ...]]:
    columns = (delivery.c.plugin, delivery.c.attempts, delivery.c.last_error, delivery.c.parked_at)
    return await here.rows(sa.select(*columns).order_by(delivery.c.outbox_id, delivery.c.plugin))


def test_events_reach_the_enabled_plugins_that_listen_and_leave_no_row(database_url: str) -> None:
    async def work(here: World) -> None:
        account_id = await here.account("one")
        await here.rename(account_id, "two")
        assert await deliver_due(here.runtime) == RelayReport(events=2, deliveries=4)
        assert await here.seen(steady) == [("one", "account.created"), ("two", "account.updated")]
        assert await here.seen(troubled) == await here.seen(steady)
        assert await _deliveries(here) == []
        assert await deliver_due(here.runtime) == RelayReport()

    _run(database_url, work, "steady", "troubled")


def test_an_event_nobody_listens_to_is_done_without_a_delivery(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.account("one")
        assert await drain(here.runtime) == RelayReport(events=1)
        assert await _open_events(here) == 0
        assert await _deliveries(here) == []
        await here.enable("steady")
        assert await drain(here.runtime) == RelayReport()

    _run(database_url, work)


def test_an_event_has_the_values_types_and_origin_of_its_change(database_url: str) -> None:
    async def work(here: World) -> None:
        account_id = await here.account("one")
        await here.rename(account_id, "two")
        await here.rename(account_id, "three")
        await drain(here.runtime)
        created, renamed, _ = steady.EVENTS
        assert (created.name, created.record.id, created.record.version) == ("account.created", account_id, 1)
        assert (renamed.record["name"], renamed.record.version) == ("two", 2)
        assert renamed.changes["name"] == ("one", "two")
        assert isinstance(renamed.record["created_at"], dt.datetime)
        assert renamed.record["created_at"] == created.record["created_at"]
        assert (renamed.tenant_id, renamed.actor_id, renamed.plugin) == (here.tenant_id, None, None)
        assert renamed.at == renamed.record["updated_at"]
        assert renamed.request_id

    _run(database_url, work, "steady")


def test_entering_a_stage_is_told_to_both_hooks_in_one_delivery(database_url: str) -> None:
    async def work(here: World) -> None:
        account_id = await here.account("one")
        await drain(here.runtime)

        def enter(scope: Scope) -> None:
            row = {"id": account_id, "name": "one", "version": 2}
            scope.uow.stage(RecordWrite(traces(scope.uow, "enter_stage", "account", row, {})))

        await here.run(enter)
        assert await drain(here.runtime) == RelayReport(events=1, deliveries=1)
        assert await here.seen(steady) == [
            ("one", "account.created"),
            ("one", "account.stage_entered"),
            ("one", "stage"),
        ]

    _run(database_url, work, "steady")


def test_a_failing_plugin_delays_neither_the_other_nor_other_events(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.account("boom")
        await here.account("fine")
        assert await drain(here.runtime) == RelayReport(events=2, deliveries=3, failures=1)
        assert await here.seen(steady) == [("boom", "account.created"), ("fine", "account.created")]
        assert await here.seen(troubled) == [("fine", "account.created")]
        [(plugin, attempts, error, parked_at)] = await _deliveries(here)
        assert (plugin, attempts, parked_at) == ("troubled", 1, None)
        assert "plugin troubled@1.0.0 failed in record_committed: ValueError: cannot bear boom" in error
        assert await _open_events(here) == 0

    _run(database_url, work, "steady", "troubled")


def test_a_failed_delivery_is_tried_again_when_its_time_has_come(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.account("boom")
        await drain(here.runtime)
        troubled.CURED.append(True)
        assert await drain(here.runtime) == RelayReport()
        await here.execute(sa.update(delivery).values(available_at=dt.datetime.now(dt.UTC)))
        assert await drain(here.runtime) == RelayReport(deliveries=1)
        assert await here.seen(troubled) == [("boom", "account.created")]
        assert await here.seen(steady) == [("boom", "account.created")]
        assert await _deliveries(here) == []

    _run(database_url, work, "steady", "troubled")


def test_a_plugin_disabled_meanwhile_receives_nothing(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.account("boom")
        await drain(here.runtime)
        await here.account("fine")
        await here.disable("troubled")
        await here.execute(sa.update(delivery).values(available_at=dt.datetime.now(dt.UTC)))
        assert await drain(here.runtime) == RelayReport(events=1)
        assert await here.seen(troubled) == []
        assert await _deliveries(here) == []

    _run(database_url, work, "troubled")


def test_a_plugin_does_not_hear_of_what_it_has_done_itself(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.runtime.run_for_plugin(
            here.tenant_id, "troubled", lambda ctx: ctx.api.create("account", {"name": "own"})
        )
        assert await drain(here.runtime) == RelayReport(events=1, deliveries=1)
        assert await here.seen(steady) == [("own", "account.created")]
        assert await here.seen(troubled) == []
        assert steady.EVENTS[0].plugin == "troubled@1.0.0"

    _run(database_url, work, "steady", "troubled")


def test_events_that_another_relay_works_on_are_left_alone_with_later_ones_of_their_record(database_url: str) -> None:
    async def work(here: World) -> None:
        first = await here.account("first")
        await here.rename(first, "first again")
        await here.account("second")
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        created = sa.and_(outbox.c.topic == "account.created", outbox.c.record_id == first)
        await here.execute(sa.update(outbox).where(created).values(claimed_until=soon))
        assert await drain(here.runtime) == RelayReport(events=1, deliveries=1)
        assert await here.seen(steady) == [("second", "account.created")]
        await here.execute(sa.update(outbox).where(created).values(claimed_until=dt.datetime.now(dt.UTC)))
        assert await drain(here.runtime) == RelayReport(events=2, deliveries=2)
        assert [event.record["name"] for event in steady.EVENTS] == ["second", "first", "first again"]

    _run(database_url, work, "steady")


def test_a_relay_killed_in_a_hook_leaves_every_effect_exactly_once(database_url: str) -> None:
    async def work(here: World) -> None:
        account_id = await here.account("kill")
        await here.rename(account_id, "kill again")
        command = [sys.executable, "-m", "tests.support.background", here.url]
        environment = {**os.environ, troubled.KILL_VARIABLE: "1", "PYTHONPATH": str(_ROOT)}
        killed = await asyncio.to_thread(subprocess.run, command, env=environment, cwd=_ROOT, check=False)
        assert killed.returncode == -signal.SIGKILL
        # The first plugin's delivery was committed, the second plugin died with its row written and not committed.
        assert await here.seen(steady) == [("kill", "account.created")]
        assert await here.seen(troubled) == []
        assert await drain(here.runtime) == RelayReport()
        await here.execute(sa.update(outbox).values(claimed_until=dt.datetime.now(dt.UTC)))
        assert await drain(here.runtime) == RelayReport(events=2, deliveries=3)
        both = [("kill", "account.created"), ("kill again", "account.updated")]
        assert (await here.seen(steady), await here.seen(troubled)) == (both, both)
        assert await _deliveries(here) == []

    _run(database_url, work, "steady", "troubled")


def test_two_relays_at_once_deliver_every_event_once_and_in_order(postgres_url: str) -> None:
    async def work(here: World) -> None:
        accounts = [await here.account(f"{number} v1") for number in range(6)]
        for version in (2, 3, 4):
            for number, account_id in enumerate(accounts):
                await here.rename(account_id, f"{number} v{version}")
        async with another_process(here) as other:
            reports = [RelayReport()]
            while await _open_events(here):
                reports += await asyncio.gather(
                    *(deliver_due(each.runtime, limit=5) for each in (here, other, here, other))
                )
        assert sum(reports, RelayReport()) == RelayReport(events=24, deliveries=48)
        told = [str(event.record["name"]) for event in steady.EVENTS]
        assert len(told) == len(set(told)) == 24
        for number in range(6):
            assert [name for name in told if name.startswith(f"{number} ")] == [f"{number} v{v}" for v in (1, 2, 3, 4)]

    _run(postgres_url, work, "steady", "troubled")


def test_the_loop_outlives_an_outage_and_says_so_once(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    class Flaky:
        """The runtime, with a database that is away at first and a stop once it has delivered."""

        def __init__(self, here: World, stop: asyncio.Event) -> None:
            self.here, self.stop, self.failures = here, stop, 0
            self.database, self.catalog = self, here.runtime.catalog

        async def run(self, function: Any, *arguments: Any, **options: Any) -> Any:
            if self.failures < 3:
                self.failures += 1
                message = "the database is away"
                raise OSError(message)
            if "tenant_id" in options:
                return await self.here.runtime.database.run(function, *arguments, **options)
            result = await self.here.runtime.run(function, *arguments, **options)
            self.stop.set()
            return result

    async def work(here: World) -> None:
        await here.account("one")
        stop = asyncio.Event()
        flaky: Any = Flaky(here, stop)
        with caplog.at_level("INFO", logger="crm_core.background"):
            await asyncio.wait_for(relay_forever(flaky, stop, 0.001), 20)
        assert flaky.failures == 3
        messages = [record.getMessage() for record in caplog.records if record.name == "crm_core.background"]
        assert messages == [
            "delivering events failed and is tried again until it works: OSError: the database is away",
            "delivering events works again after 3 failures",
        ]

    _run(database_url, work, "steady")


def test_a_relay_whose_lease_is_spent_gives_back_what_it_has_not_begun(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(here: World) -> None:
        account_id = await here.account("one")
        await here.rename(account_id, "two")
        with monkeypatch.context() as patch:
            patch.setattr(claims, "LEASE", dt.timedelta(0))
            assert await deliver_due(here.runtime) == RelayReport()
        assert await here.seen(steady) == []
        assert await here.rows(sa.select(outbox.c.attempts, outbox.c.claimed_until, outbox.c.done_at)) == [
            (1, None, None),
            (1, None, None),
        ]
        assert await drain(here.runtime) == RelayReport(events=2, deliveries=2)
        assert await here.seen(steady) == [("one", "account.created"), ("two", "account.updated")]

    _run(database_url, work, "steady")


def test_a_delivery_that_another_relay_has_made_is_not_made_again(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.account("one")
        made: list[Delivery] = []

        async def twice(runtime: RelayRuntime, each: Delivery, tally: Tally) -> None:
            made.append(each)
            await deliver(runtime, each, tally)
            await deliver(runtime, each, tally)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crm_core.outbox.relay.deliver", twice)
            report = await deliver_due(here.runtime)
        assert len(made) == 1
        assert (report.deliveries, report.failures) == (1, 0)
        assert await here.seen(steady) == [("one", "account.created")]

    _run(database_url, work, "steady")


def test_an_enabled_plugin_that_is_not_loaded_here_does_not_lose_its_deliveries(database_url: str) -> None:
    async def work(here: World) -> None:
        await here.account("boom")
        await drain(here.runtime)
        await here.execute(sa.update(delivery).values(available_at=dt.datetime.now(dt.UTC)))
        async with another_process(here, "steady") as without:
            assert await drain(without.runtime) == RelayReport(failures=1)
        [(plugin, attempts, error, _)] = await _deliveries(here)
        assert (plugin, attempts) == ("troubled", 2)
        assert error == (
            "PluginError: plugin troubled is enabled for this tenant but is not loaded; "
            "crm plugin show troubled says why"
        )

    _run(database_url, work, "troubled")


def test_tenants_do_not_share_events(database_url: str) -> None:
    async def work(here: World) -> None:
        other = World(here.url, here.runtime, new_id())
        await here.runtime.run(system_actor(other.tenant_id), lambda scope: add_tenant(scope, "other", "Other"))
        await other.account("theirs")
        await here.account("ours")
        assert await drain(here.runtime) == RelayReport(events=2, deliveries=1)
        assert [event.record["name"] for event in steady.EVENTS] == ["ours"]

    _run(database_url, work, "steady")
