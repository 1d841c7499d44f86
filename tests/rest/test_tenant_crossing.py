"""Two tenants with equal data, and one that names what is the other's in every place the OpenAPI document knows.

All requests are made from the document. An id of the other tenant must be answered like an id that nobody has, so
that not even its existence shows. A new route that names records in a way these tests do not know fails
``test_every_operation_is_covered``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from crm_core.db.statements import Statement
from crm_core.records.statements import in_tenant
from crm_core.schema import core
from tests.crm_core.identity.samples import make_samples
from tests.rest.references import KINDS, Operation, name_of, operations
from tests.rest.served import Served, served
from tests.support.app import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from uuid import UUID

    import httpx

    from crm_core.records.scope import Scope

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REQUEST_ID = re.compile(r"\b[0-9a-f]{32}\b")
_NOBODYS = "00000000-0000-7000-8000-000000000000"
_REFUSALS = {("not_found", 404), ("reference_not_found", 422)}
# A line stays with its document and a stage in its pipeline, whichever other one is named.
_FIXED = {"document_id", "pipeline_id"}
# Nothing in these can hold the id of a record: they are about the key itself, about plugins by name, or about the
# machine. Ids of other systems are tried in a test of their own.
_NAMELESS = {
    "DELETE /api/v1/external-refs",
    "GET /api/v1/me",
    "GET /api/v1/metrics",
    "GET /api/v1/plugins",
    "POST /api/v1/plugins/{plugin}/disable",
    "POST /api/v1/plugins/{plugin}/enable",
    "POST /api/v1/plugins/{plugin}/resume",
    "PATCH /api/v1/plugins/{plugin}/settings",
    "POST /api/v1/pipelines",
    "POST /api/v1/price-books",
    "POST /api/v1/principals",
    "POST /api/v1/products",
    "POST /api/v1/tags",
}


@dataclass
class Tenants:
    """Tenant A, whose administrator asks; and B, whose ids are named."""

    served: Served
    client: httpx.AsyncClient
    b: Mapping[str, str]
    b_tenant: UUID
    hidden: frozenset[str]

    @property
    def a(self) -> Mapping[str, str]:
        """The ids of A's samples."""
        return self.served.ids

    async def ask(self, operation: Operation, path: str, **content: Any) -> httpx.Response:
        """Send A's request; nothing of B's may be in the answer but ids that A has sent."""
        answer = await self.client.request(operation.method, f"http://crm{path}", **content)
        sent = {*_ID.findall(str(answer.request.url)), *_ID.findall(answer.request.content.decode())}
        leaked = self.hidden & {*_ID.findall(answer.text + str(answer.headers))} - sent
        assert not leaked, (str(operation), content, answer.text)
        return answer

    async def ask_for(self, named: str, operation: Operation, path: str, **content: Any) -> httpx.Response:
        """Send A's request, which names an id of B's; the answer must be the one for an id that nobody has."""
        answer = await self.ask(operation, path, **content)
        other = {key: json.loads(json.dumps(value).replace(named, _NOBODYS)) for key, value in content.items()}
        of_nobody = await self.ask(operation, path.replace(named, _NOBODYS), **other)
        assert _comparable(answer, named) == _comparable(of_nobody, _NOBODYS), str(operation)
        return answer


@asynccontextmanager
async def _tenants(url: str) -> AsyncIterator[Tenants]:
    async with served(url) as world:
        tenant_id = await world.app.add_tenant("other")
        client = world.app.client(tenant_id=tenant_id)
        ids = await make_samples(client)
        rows = await world.app.as_system(_rows, write=False, tenant_id=tenant_id)
        hidden = frozenset({str(tenant_id), *_ID.findall(str(rows))})
        named = {name: value for name, value in ids.items() if value}
        yield Tenants(world, world.app.client(), named, tenant_id, hidden)
        # What A asked for must not have changed a byte of what B has.
        assert await world.app.as_system(_rows, write=False, tenant_id=tenant_id) == rows


def _comparable(answer: httpx.Response, named: str) -> tuple[int, str]:
    return answer.status_code, _REQUEST_ID.sub("(a request id)", answer.text.replace(named, "(an id)"))


def _rows(scope: Scope) -> dict[str, list[str]]:
    """Return all that the database holds for the scope's tenant, by table."""
    tables = [table for table in core.sorted_tables if "tenant_id" in table.c]
    statements = {table.name: Statement(select(table).where(in_tenant(table.c.tenant_id))) for table in tables}
    return {name: sorted(map(repr, scope.uow.fetch(each, {}))) for name, each in statements.items()}


def test_ids_of_another_tenant_in_a_path_name_nothing(database_url: str) -> None:
    async def scenario() -> None:
        async with _tenants(database_url) as tenants:
            tried = 0
            for operation in operations(tenants.served.document):
                body = {} if operation.method == "GET" else {"json": operation.smallest_body(tenants.a)}
                for theirs, values in _crossed_paths(tenants, operation):
                    answer = await tenants.ask_for(theirs, operation, operation.filled(values), **body)
                    assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (str(operation), values)
                    tried += 1
            assert tried > 150

    run(scenario())


def test_ids_of_another_tenant_in_a_body_name_nothing(database_url: str) -> None:
    async def scenario() -> None:
        async with _tenants(database_url) as tenants:
            tried: Counter[str] = Counter()
            for operation in operations(tenants.served.document):
                path = operation.filled(tenants.served.path_values(operation.path))
                for place in operation.places():
                    for kind in operation.named_by(name_of(place)):
                        body = operation.body_with(place, tenants.b[kind], tenants.a)
                        answer = await tenants.ask_for(tenants.b[kind], operation, path, json=body)
                        _assert_refused(operation, name_of(place), answer)
                        tried[name_of(place)] += 1
            assert sum(tried.values()) > 240
            assert len(tried) > 20

    run(scenario())


def test_lists_show_nothing_of_another_tenant_whatever_is_asked_for(database_url: str) -> None:
    async def scenario() -> None:
        async with _tenants(database_url) as tenants:
            for operation in operations(tenants.served.document):
                if operation.method != "GET":
                    continue
                path = operation.filled(tenants.served.path_values(operation.path))
                assert (await tenants.ask(operation, path)).status_code == 200, str(operation)
                for query in _crossed_queries(tenants, operation):
                    (theirs,) = query.values()
                    answer = await tenants.ask_for(theirs, operation, path, params=query)
                    assert (answer.status_code, answer.json()["data"]) == (200, []), (str(operation), query)

    run(scenario())


def test_cursors_of_another_tenant_show_nothing_of_it(database_url: str) -> None:
    async def scenario() -> None:
        async with _tenants(database_url) as tenants:
            other = tenants.served.app.client(tenant_id=tenants.b_tenant)
            used = 0
            for operation in operations(tenants.served.document):
                if "cursor" not in operation.query or "{" in operation.path:
                    continue
                theirs = (await other.get(f"http://crm{operation.path}", params={"limit": 1})).json()["next_cursor"]
                if theirs:
                    answer = await tenants.ask(operation, operation.path, params={"cursor": theirs})
                    assert answer.status_code == 200
                    used += 1
            assert used >= 5

    run(scenario())


def test_keys_of_another_tenant_are_free(database_url: str) -> None:
    async def scenario() -> None:
        async with served(database_url) as world:
            mine, theirs = world.app.client(), world.app.client(tenant_id=await world.app.add_tenant("other"))
            request: dict[str, Any] = {"json": {"name": "twice"}, "headers": {"idempotency-key": "k"}}
            first, second = await theirs.post("/leads", **request), await mine.post("/leads", **request)
            assert (first.status_code, second.status_code) == (201, 201)
            assert "idempotency-replayed" not in second.headers
            assert second.json()["id"] != first.json()["id"]

            named = {"system": "erp", "ext_id": "4711"}
            made = await theirs.post("/external-refs", json={**named, "record_id": first.json()["id"]})
            assert made.status_code == 201
            assert (await mine.delete("/external-refs", params=named)).status_code == 404
            assert (await mine.get("/external-refs", params=named)).json()["data"] == []
            assert (await theirs.get("/external-refs", params=named)).json()["data"] == [made.json()]
            taken = await mine.post("/external-refs", json={**named, "record_id": second.json()["id"]})
            assert taken.status_code == 201

    run(scenario())


def test_every_operation_is_covered(sqlite_url: str) -> None:
    async def scenario() -> None:
        async with _tenants(sqlite_url) as tenants:
            uncovered = {
                str(each)
                for each in operations(tenants.served.document)
                if not [*_crossed_paths(tenants, each), *_crossed_queries(tenants, each), *each.places()]
            }
            assert uncovered == _NAMELESS

    run(scenario())


def _crossed_paths(tenants: Tenants, operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    """Give an id of B's and the parameters of a path with it in one place, A's ids in the others."""
    mine = tenants.served.path_values(operation.path)
    theirs = Served(tenants.served.app, tenants.b, tenants.served.document).path_values(operation.path)
    for name in re.findall(r"\{(\w+)\}", operation.path):
        if mine[name] != theirs[name]:
            yield theirs[name], {**mine, name: theirs[name]}


def _crossed_queries(tenants: Tenants, operation: Operation) -> Iterator[dict[str, str]]:
    """Give the query of a list that asks for what is tied to a record of B's."""
    if operation.method != "GET":
        return
    names = {name for name in operation.query if name.endswith("_id")}
    if "filter" in operation.query:
        page = operation.described["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        record = operation.components[page.rpartition("/")[2].removesuffix("Page")]
        names |= {name for name, schema in record["properties"].items() if "'uuid'" in str(schema)}
    for name in sorted(names):
        for kind in operation.named_by(name) if name in KINDS else ("principals", "accounts"):
            yield {name: tenants.b[kind]}


def _assert_refused(operation: Operation, name: str, answer: httpx.Response) -> None:
    refused = answer.json()
    if operation.path.endswith("/bulk"):
        assert answer.status_code == 200, answer.text
        refused = refused["results"][0]["error"]
    if name in _FIXED and refused["code"] == "refused":
        assert [issue["field"] for issue in refused["issues"]] == [name], refused
    else:
        assert (refused["code"], refused["status"]) in _REFUSALS, (str(operation), name, refused)
