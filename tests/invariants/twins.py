"""The same requests to the same application over SQLite and over PostgreSQL, and their answers side by side."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_from_bytes

import httpx

from crm_core.plugin_host.discovery import discover
from crm_core.plugins.service import enable
from tests.invariants.masks import Masks
from tests.invariants.operations import Ref
from tests.support.app import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.invariants.operations import Request
    from tests.support.app import RunningApp

PLUGINS = ("duplicate_guard", "lead_scoring", "loyalty")
_MISSING = "00000000-0000-7000-8000-000000000000"
_KNOWN_AT_ONCE = ("stages", "pipelines", "principals")


class Answer(NamedTuple):
    """What one application answered, masked, and as it was."""

    masked: Any
    raw: str


class Side:
    """One of the two applications, with a fresh tenant: its records by kind in order of creation."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._ids: dict[str, list[str]] = {}
        self._masks = Masks()

    async def prepare(self) -> None:
        """Learn what a new tenant has from the start."""
        for kind in _KNOWN_AT_ONCE:
            for each in (await self._client.get(f"/{kind}", params={"limit": 500})).json()["data"]:
                self._learn(kind, each["id"])

    async def ask(self, request: Request) -> list[Answer]:
        """Send a request, for a list one per page, and return the answers."""
        answers: list[Answer] = []
        cursor: str | None = None
        for _ in range(request.pages):
            response = await self._send(request, cursor)
            answers.append(self._answer(response))
            body = response.json() if response.content else None
            self._learn_from(request, body)
            cursor = body.get("next_cursor") if isinstance(body, dict) else None
            if cursor is None:
                break
        return answers

    async def _send(self, request: Request, cursor: str | None) -> httpx.Response:
        path = "/".join(str(self._resolved(part)) for part in request.path)
        body = request.body
        content = (
            body if isinstance(body, bytes) else None if body is None else json.dumps(self._resolved(body)).encode()
        )
        query = [(key, str(self._resolved(value)).encode("utf-8", "surrogatepass")) for key, value in request.query]
        query += [("cursor", cursor.encode())] if cursor else []
        headers = {} if request.match is None else {"if-match": request.match}
        url = f"/{path}?{_encoded(query)}"
        return await self._client.request(request.method, url, content=content, headers=headers)

    def _answer(self, response: httpx.Response) -> Answer:
        body = self._masks.of(json.loads(response.content)) if response.content else None
        headers = {name: response.headers.get(name) for name in ("etag", "content-type")}
        return Answer((response.status_code, headers, body), response.text)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, Ref):
            known = self._ids.get(value.kind)
            return known[value.place % len(known)] if known else _MISSING
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        return [self._resolved(item) for item in value] if isinstance(value, list) else value

    def _learn(self, kind: str, record_id: str) -> None:
        known = self._ids.setdefault(kind, [])
        if record_id not in known:
            known.append(record_id)

    def _learn_from(self, request: Request, body: Any) -> None:
        if request.method != "POST" or not isinstance(body, dict):
            return
        kind = str(request.path[0])
        for name, plural in (("account", "accounts"), ("contact", "contacts"), ("opportunity", "opportunities")):
            if kind == "leads" and isinstance(body.get(name), dict):
                self._learn(plural, body[name]["id"])
        made = [result.get("record") for result in body.get("results", ())] if "results" in body else [body]
        for each in made:
            if each and "id" in each and len(request.path) <= 2:
                self._learn(kind, each["id"])


def _encoded(query: Iterable[tuple[str, bytes]]) -> str:
    return "&".join(f"{key}={quote_from_bytes(value)}" for key, value in query)


class Twins:
    """Both applications; every example gets a tenant of its own in each."""

    def __init__(self, apps: tuple[RunningApp, RunningApp]) -> None:
        self._apps = apps
        self._tenants = 0

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[tuple[Side, Side]]:
        """Give both sides with a new tenant in which all plugins are enabled."""
        self._tenants += 1
        clients = [await _client(app, f"tenant{self._tenants}") for app in self._apps]
        try:
            sides = (Side(clients[0]), Side(clients[1]))
            for side in sides:
                await side.prepare()
            yield sides
        finally:
            for client in clients:
                await client.aclose()


async def _client(app: RunningApp, key: str) -> httpx.AsyncClient:
    tenant_id = await app.add_tenant(key)
    for plugin in PLUGINS:
        await app.as_system(lambda scope, name=plugin: enable(scope, name, None), tenant_id=tenant_id)  # type: ignore[misc]
    # A failure of the server is an answer to compare, too.
    transport = httpx.ASGITransport(app.app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {app.keys[tenant_id, 'administrator']}"}
    return httpx.AsyncClient(transport=transport, base_url="http://crm/api/v1", headers=headers)


@asynccontextmanager
async def twins(sqlite_url: str, postgres_url: str) -> AsyncIterator[Twins]:
    """Open both applications with the plugins of this environment."""
    plugins = discover()
    assert [plugin.id for plugin in plugins] == list(PLUGINS), "install the shipped plugins in this environment"
    async with running(sqlite_url, plugins=plugins) as one, running(postgres_url, plugins=plugins) as other:
        yield Twins((one, other))
