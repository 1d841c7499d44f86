from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.invariants.masks import differences
from tests.invariants.operations import Request, sequence
from tests.invariants.twins import Twins, twins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EXAMPLES = int(os.environ.get("CRM_EXAMPLES", "15"))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def both(runner: asyncio.Runner, sqlite_url: str, postgres_url: str) -> Iterator[Twins]:
    context = twins(sqlite_url, postgres_url)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


async def _compare(both: Twins, requests: Sequence[Request]) -> None:
    async with both.fresh() as (sqlite, postgres):
        for request in requests:
            one, other = await sqlite.ask(request), await postgres.ask(request)
            found = differences([each.masked for each in one], [each.masked for each in other])
            assert not found, f"{request}:\n" + "\n".join(found)
            failed = [each.raw for each in one if each.masked[0] >= 500]
            assert not failed, (request, failed)


def test_random_requests(runner: asyncio.Runner, both: Twins) -> None:
    @settings(
        max_examples=_EXAMPLES, deadline=None, derandomize="CRM_EXAMPLES" not in os.environ, database=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck), report_multiple_bugs=True,
    )  # fmt: skip
    @given(sequence)
    def compare(requests: Sequence[Request]) -> None:
        runner.run(_compare(both, requests))

    compare()
