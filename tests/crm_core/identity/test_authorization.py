from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from tests.crm_core.identity.matrix import FILE, matrix
from tests.crm_core.identity.routes_of import operations
from tests.crm_core.identity.samples import make_samples
from tests.support.app import run, running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.crm_core.identity.routes_of import Operation

UNKNOWN = "Bearer crm_000000000000_000000000000000000000000000000000000000000000000"
NO_KEYS = ("Bearer", "Bearer nonsense", "Basic YWRtaW46YWRtaW4=", UNKNOWN.removesuffix("0"), UNKNOWN + "_0")
OVERVIEWS = ("/plugins/{plugin}",)
"""Paths whose parameter names nothing of a tenant's."""


def test_no_route_answers_without_a_key(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            transport = httpx.ASGITransport(app.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://crm/api/v1") as client:
                for operation in operations(app.app):
                    for header in (None, UNKNOWN, *(NO_KEYS if operation.path == "/me" else ())):
                        headers = {} if header is None else {"authorization": header}
                        answer = await client.request(operation.method, operation.filled({}), headers=headers)
                        assert answer.status_code == 401, (str(operation), header, answer.text)
                        assert answer.headers["www-authenticate"] == "Bearer"

    run(scenario())


def test_each_role_may_do_what_the_matrix_says(database_url: str) -> None:
    assert run(matrix(database_url)) == FILE.read_text(encoding="utf-8")


def test_no_administrator_reaches_another_tenant(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            owner = app.client()
            ids = await make_samples(owner)
            stranger = app.client(tenant_id=await app.add_tenant("other"))
            named = by_id(operations(app.app))
            before = await read_all(owner, named, ids)
            for operation in named:
                body = {} if operation.method == "GET" else {"json": operation.body}
                answer = await stranger.request(operation.method, path_of(operation, ids), **body)
                assert answer.status_code == 404, (str(operation), answer.text)
            assert await read_all(owner, named, ids) == before
            assert {status for status, _ in before.values()} == {200}
            for operation in operations(app.app):
                if operation.method == "GET" and "{" not in operation.path:
                    text = (await stranger.get(operation.path)).text
                    assert not [name for name, value in ids.items() if value and value in text], operation

    run(scenario())


def by_id(found: Sequence[Operation]) -> list[Operation]:
    return [
        each for each in found if "{" in each.path and not each.path.startswith(OVERVIEWS) and each.method != "POST"
    ]


def path_of(operation: Operation, ids: Mapping[str, str]) -> str:
    collection = operation.path.split("/")[1]
    assert collection in ids, f"{operation}: add a sample to samples.py"
    return operation.filled({"id": ids[collection], "record_id": ids["leads"]})


async def read_all(
    client: httpx.AsyncClient, named: Sequence[Operation], ids: Mapping[str, str]
) -> dict[str, tuple[int, str]]:
    found = {}
    for operation in named:
        if operation.method == "GET":
            answer = await client.get(path_of(operation, ids))
            found[operation.path] = (answer.status_code, answer.text)
    return found
