"""Every operation of the OpenAPI document, tried with what the document allows and with what it does not.

A few requests an operation on every run; hundreds, and others each time, with ``CRM_FULL=1``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.crm_core.identity.routes_of import API
from tests.rest.documented import check, check_problem, operations_of, schema_of
from tests.rest.references import operations
from tests.rest.served import served
from tests.support.app import limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemathesis.schemas import APIOperation

    from tests.rest.references import Operation
    from tests.rest.served import Served

_FULL = os.environ.get("CRM_FULL") == "1"
_EXAMPLES = 200 if _FULL else 1
_SEARCH = settings(
    max_examples=_EXAMPLES,
    derandomize=not _FULL,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Requests that are as small as the document allows and yet refused: no schema says that what they name is there
# already, is the same record twice, belongs to another pipeline, is not in the bin, or is still needed.
_REFUSED = {
    "DELETE /api/v1/accounts/{id}": "refused",
    "DELETE /api/v1/external-refs": "invalid_input",
    "POST /api/v1/accounts/{id}/merge": "invalid_input",
    "POST /api/v1/accounts/{id}/restore": "not_found",
    "POST /api/v1/attachments": "refused",
    "POST /api/v1/attachments/bulk": "refused",
    "POST /api/v1/campaigns/{id}/members": "duplicate",
    "POST /api/v1/contacts/{id}/merge": "invalid_input",
    "POST /api/v1/leads/{id}/move-stage": "invalid_input",
    "POST /api/v1/opportunities/{id}/move-stage": "invalid_input",
    "POST /api/v1/pipelines": "refused",
    "POST /api/v1/pipelines/bulk": "refused",
    "POST /api/v1/price-books": "duplicate",
    "POST /api/v1/prices": "duplicate",
    "POST /api/v1/prices/bulk": "duplicate",
    "POST /api/v1/quote-lines/{id}/restore": "not_found",
    "POST /api/v1/sales-order-lines/{id}/restore": "not_found",
    "POST /api/v1/stages": "duplicate",
    "POST /api/v1/tags": "duplicate",
    "POST /api/v1/tickets/{id}/move-stage": "invalid_input",
}
_KNOWN_IDS: list[str] = []
schemathesis.openapi.format(
    "uuid", st.one_of(st.integers(0, 99).map(lambda index: _KNOWN_IDS[index % len(_KNOWN_IDS)]), st.uuids().map(str))
)


@dataclass
class Callers:
    """An administrator and a plain member of one tenant, and the loop the application lives in."""

    runner: asyncio.Runner
    served: Served
    clients: Mapping[str, httpx.AsyncClient]
    nobody: httpx.AsyncClient

    def send(self, client: httpx.AsyncClient, case: schemathesis.Case[Any], path: str | None = None) -> httpx.Response:
        """Send a generated request; ``path`` replaces the generated one."""
        sent = case.as_transport_kwargs()
        content = json.dumps(sent["json"]).encode() if "json" in sent else sent.get("data")
        headers = {name: value.encode("latin-1") for name, value in sent["headers"].items()}
        request = client.build_request(
            sent["method"], path or sent["url"], params=sent["params"], headers=headers, content=content
        )
        return self.runner.run(limited(client.send(request)))


@pytest.fixture
def callers(database_url: str) -> Iterator[Callers]:
    """Give the callers of a fresh application, once on each kind of database."""
    with asyncio.Runner() as runner:
        context = _callers(database_url, runner)
        try:
            yield runner.run(context.__aenter__())
        finally:
            runner.run(context.__aexit__(None, None, None))


@asynccontextmanager
async def _callers(url: str, runner: asyncio.Runner) -> Any:
    async with served(url) as world:
        transport = httpx.ASGITransport(world.app.app, raise_app_exceptions=False)
        clients = {}
        for role in ("administrator", "sales"):
            key = await world.app.key(role, world.app.tenant_id)
            headers = {"authorization": f"Bearer {key}"}
            clients[role] = httpx.AsyncClient(transport=transport, base_url="http://crm", headers=headers)
        _KNOWN_IDS[:] = world.ids.values()
        yield Callers(runner, world, clients, httpx.AsyncClient(transport=transport, base_url="http://crm"))


def test_every_operation_answers_what_the_document_says(callers: Callers) -> None:
    failures: list[str] = []
    for operation in operations_of(schema_of(callers.served.document)):
        try:
            _try(callers, operation)
        except (AssertionError, BaseExceptionGroup) as error:
            failures.append(f"{operation.label}: {_told(error)}")
    assert failures == [], "\n\n".join(failures)


def test_what_succeeds_answers_what_the_document_says(callers: Callers) -> None:
    schema = schema_of(callers.served.document)
    refused: dict[str, str] = {}
    for each in sorted(operations(callers.served.document), key=_turn):
        content = {} if each.body is None else {"json": each.smallest_body(callers.served.ids)}
        path = each.filled(callers.served.path_values(each.path))
        request = callers.clients["administrator"].request(each.method, path, **content)
        answer = callers.runner.run(limited(request))
        schema[each.path][each.method].validate_response(answer)
        code = re.search(r'"code":"(\w+)","detail"', answer.text)
        if code is not None:
            refused[str(each)] = code[1]
    assert refused == _REFUSED


def _turn(operation: Operation) -> tuple[Any, ...]:
    """Return when to try an operation: what others need is deleted after them, and restored at the end."""
    last = operation.path.endswith(("/restore", "/disable"))
    return last, operation.method == "DELETE", -operation.path.count("/"), operation.path


def _try(callers: Callers, operation: APIOperation[Any, Any, Any, Any]) -> None:
    fitting = _fitting(callers, operation.path)

    @_SEARCH
    @given(case=_cases(operation), path=st.sampled_from([None, fitting]))
    def search(case: schemathesis.Case[Any], path: str | None) -> None:
        for client in callers.clients.values():
            check(case, callers.send(client, case, path), negative=path is None)

    search()


def test_without_a_key_every_operation_answers_401_whatever_is_sent(callers: Callers) -> None:
    for operation in operations_of(schema_of(callers.served.document)):
        if operation.path.startswith(API):
            _without_a_key(callers, operation)


def _without_a_key(callers: Callers, operation: APIOperation[Any, Any, Any, Any]) -> None:
    fitting = _fitting(callers, operation.path)

    @settings(_SEARCH, max_examples=1)
    @given(case=_cases(operation))
    def search(case: schemathesis.Case[Any]) -> None:
        answer = callers.send(callers.nobody, case, fitting)
        assert answer.status_code == httpx.codes.UNAUTHORIZED
        check_problem(answer)

    search()


def _cases(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[schemathesis.Case[Any]]:
    """Return requests that fit the document, and such that do not."""
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])


def _fitting(callers: Callers, path: str) -> str:
    """Return a path with its parameters, those of the samples."""
    for name, value in callers.served.path_values(path).items():
        path = path.replace(f"{{{name}}}", value)
    return path


def _told(error: BaseException) -> str:
    """Return what failed; schemathesis puts the single failures of a request into a group."""
    if isinstance(error, BaseExceptionGroup):
        return " ".join(_told(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
