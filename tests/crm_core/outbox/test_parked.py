from __future__ import annotations

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa

from crm_core.actors import Actor
from crm_core.errors import PermissionDenied
from crm_core.outbox import RelayReport, drain, parked, retry_parked
from crm_core.schema import delivery
from tests.support.background import World, world
from tests.support.background_plugins import steady, troubled


async def _park(here: World, name: str) -> RelayReport:
    await here.account(name)
    total = await drain(here.runtime)
    for _ in range(9):
        await here.execute(sa.update(delivery).values(available_at=dt.datetime.now(dt.UTC)))
        total += await drain(here.runtime)
    return total


def test_ten_failures_park_a_delivery_until_a_person_has_it_tried_again(database_url: str) -> None:
    async def work() -> None:
        async with world(database_url, "steady", "troubled") as here:
            assert await _park(here, "boom") == RelayReport(events=1, deliveries=1, failures=10, parked=1)
            await here.execute(sa.update(delivery).values(available_at=dt.datetime.now(dt.UTC)))
            assert await drain(here.runtime) == RelayReport()
            [found] = await here.run(parked)
            assert (found.plugin, found.topic, found.record_type) == ("troubled", "account.created", "account")
            assert (found.event_id, found.record_id) == (steady.EVENTS[0].id, steady.EVENTS[0].record.id)
            assert found.attempts == 10
            assert "ValueError: cannot bear boom" in found.last_error

            assert await here.run(lambda scope: retry_parked(scope, "steady")) == 0
            assert await here.run(lambda scope: retry_parked(scope, "troubled")) == 1
            assert await here.run(parked) == []
            troubled.CURED.append(True)
            assert await drain(here.runtime) == RelayReport(deliveries=1)
            assert await here.seen(troubled) == [("boom", "account.created")]

    asyncio.run(work())


def test_parked_deliveries_are_for_people_who_may_see_plugins(sqlite_url: str) -> None:
    async def work() -> None:
        async with world(sqlite_url) as here:
            nobody = Actor(here.tenant_id, None, "nobody", {})
            with pytest.raises(PermissionDenied, match="may not read plugin"):
                await here.runtime.run(nobody, parked)
            with pytest.raises(PermissionDenied, match="may not manage plugin"):
                await here.runtime.run(nobody, lambda scope: retry_parked(scope, "troubled"))

    asyncio.run(work())
