from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

_ROUTES = """\
from pydantic import BaseModel, Field
from plugin_sdk import Issue, NotFound, Rejected, hookimpl
from plugin_sdk.http import Route

class Line(BaseModel):
    amount: int = Field(ge=1)

class Order(BaseModel):
    lines: list[Line]

class View(BaseModel):
    name: str
    count: int

def _error(error):
    raise error

CASES = {
    "good": lambda: {"name": "x", "count": 1},
    "model": lambda: View(name="x", count=2),
    "short": lambda: {"name": "x"},
    "lying": lambda: View.model_construct(name="x", count="many"),
    "nothing": lambda: None,
    "error": lambda: 1 / 0,
    "exit": lambda: _error(SystemExit(4)),
    "stop": lambda: next(iter(())),
    "rejected": lambda: _error(Rejected([Issue("no", "not today", "count")])),
    "missing": lambda: _error(NotFound("no such shelf")),
}

def act(ctx, request):
    ctx.api.create("account", {"name": request.path["case"]})
    return CASES[request.path["case"]]()

def order(ctx, request):
    return View(name=request.query.get("name", ""), count=sum(line.amount for line in request.body.lines))

@hookimpl
def routes():
    yield Route("POST", "/cases/{case}", "campaign:update", act, View, summary="Act", status=201)
    yield Route("POST", "/orders", "campaign:read", order, View, body=Order, summary="Order")
"""
_MANIFEST = '[capabilities]\napi = ["account:create"]\n[hooks.routes]\n'


def test_plugin_routes_are_guarded_checked_and_documented(database_url: str, make_plugin: MakePlugin) -> None:
    shop = make_plugin("shop", _ROUTES, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[shop], breaker_failures=100) as app:
            client = app.client()
            outcomes: dict[str, tuple[int, str | None, str]] = {
                "good": (201, None, ""),
                "model": (201, None, ""),
                "short": (500, "hook_failed", "plugin shop@1.0.0 failed in POST /cases/{case}: ValidationError"),
                "lying": (500, "hook_failed", "plugin shop@1.0.0 failed in POST /cases/{case}: ValidationError"),
                "nothing": (500, "hook_failed", "plugin shop@1.0.0 failed in POST /cases/{case}: ValidationError"),
                "error": (500, "hook_failed", "plugin shop@1.0.0 failed in POST /cases/{case}: ZeroDivisionError"),
                "exit": (500, "hook_failed", "plugin shop@1.0.0 failed in POST /cases/{case}: SystemExit: 4"),
                "stop": (500, "hook_failed", "plugin shop@1.0.0 failed in POST /cases/{case}: StopIteration"),
                "rejected": (422, "refused", "not today"),
                "missing": (404, "not_found", "no such shelf"),
            }
            for case, (status, code, told) in outcomes.items():
                answer = await client.post(f"/x/shop/cases/{case}")
                assert answer.status_code == status, (case, answer.text)
                assert answer.json().get("code") == code
                assert answer.json().get("detail", "").startswith(told), answer.text
            listed = (await client.get("/accounts", params={"sort": "name"})).json()["data"]
            assert [each["name"] for each in listed] == ["good", "model"]

            body: dict[str, Any] = {"lines": [{"amount": 2}, {"amount": 3}]}
            answer = await client.post("/x/shop/orders?name=n", json=body)
            assert (answer.status_code, answer.json()) == (200, {"name": "n", "count": 5})
            for wrong, pointer in (({"lines": [{"amount": 2}, {"amount": 0}]}, "$.lines[1].amount"), ({}, "$.lines")):
                answer = await client.post("/x/shop/orders", json=wrong)
                assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)

            reader = app.client("read_only")
            answer = await reader.post("/x/shop/cases/good")
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
            assert (await reader.post("/x/shop/orders", json=body)).status_code == 200

            paths = (await client.get("http://crm.test/openapi.json")).json()["paths"]
            assert paths["/api/v1/x/shop/orders"]["post"]["summary"] == "Order"
            assert "/api/v1/x/shop/cases/{case}" in paths

            await client.post("/plugins/shop/disable")
            answer = await client.post("/x/shop/orders", json=body)
            assert (answer.status_code, answer.json()["detail"]) == (404, "plugin shop is not enabled for this tenant")

    run(scenario())
