from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.invariants.masks import differences
from tests.invariants.operations import SEED, TEXTS, VALUES, Request, sequence
from tests.invariants.twins import Answer, Twins, twins
from tests.support.databases import clone_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

from collections import Counter
SEEN = Counter()
_SORTS = ("name", "-name", "name,-id", "industry,name", "-industry,-name", "created_at", "-updated_at,name", "version")
_EXAMPLES = int(os.environ.get("CRM_EXAMPLES", "15"))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def both(
    runner: asyncio.Runner, sqlite_template: Path, american_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Twins]:
    file = tmp_path_factory.mktemp("both") / "crm.db"
    context = twins(clone_sqlite(sqlite_template, file), american_url)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


async def _compare(both: Twins, requests: Sequence[Request]) -> list[Answer]:
    """Ask both sides the same; return what both answered."""
    answers: list[Answer] = []
    async with both.fresh() as (sqlite, postgres):
        for request in requests:
            one, other = await sqlite.ask(request), await postgres.ask(request)
            found = differences([each.masked for each in one], [each.masked for each in other])
            assert not found, f"{request}:\n" + "\n".join(found)
            failed = [each.raw for each in one if each.masked[0] >= 500]
            assert not failed, (request, failed)
            answers += one
            SEEN[(request.method, str(request.path[-1]) if not hasattr(request.path[-1],"kind") else "one", one[0].masked[0])] += 1
    return answers


def test_random_requests(runner: asyncio.Runner, both: Twins) -> None:
    @settings(
        max_examples=_EXAMPLES, deadline=None, derandomize="CRM_EXAMPLES" not in os.environ, database=None,
        phases=(Phase.generate,), suppress_health_check=list(HealthCheck), report_multiple_bugs=True,
    )  # fmt: skip
    @given(sequence)
    def compare(requests: Sequence[Request]) -> None:
        runner.run(_compare(both, [*SEED, *requests]))

    compare()
    print(sorted(SEEN.items()))


def test_every_text_in_every_filter_and_sort(runner: asyncio.Runner, both: Twins) -> None:
    stored = [text for text in TEXTS if text and text != "\ud800"]  # half a character makes no JSON
    create = Request("POST", ("accounts", "bulk"), {"operations": [{"create": {"name": text}} for text in stored]})
    sorts = [Request("GET", ("accounts",), query=(("sort", sort), ("limit", "7")), pages=9) for sort in _SORTS]
    filters = [
        Request("GET", ("accounts",), query=((f"name{operator}", text),), pages=9)
        for text in TEXTS
        for operator in ("", "[ne]", "[lt]", "[gte]", "[in]", "[contains]", "[starts]")
    ]
    made, *lists = runner.run(_compare(both, [create, *sorts, *filters]))
    assert [result["status"] for result in made.masked[2]["results"]].count(201) == len(stored) - 2
    assert sum(bool(each.masked[2].get("data")) for each in lists) > 100


def test_every_text_as_value_of_every_other_type(runner: asyncio.Runner, both: Twins) -> None:
    order = {"number": "1", "lines": [{"quantity": "2", "unit_price": "3.5"}]}
    filters = [
        Request("GET", ("sales-orders",), query=((field + operator, value),))
        for field in ("id", "version", "created_at", "document_date", "total", "fx_to_base", "revision", "owner_id")
        for value in VALUES
        for operator in ("", "[gt]", "[in]")
    ]
    answers = runner.run(_compare(both, [Request("POST", ("sales-orders",), order), *filters]))
    assert {answer.masked[0] for answer in answers} == {200, 201, 422}
