from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from plugin_sdk.testing.client import Answer, Client, UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBLEM = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "code": "refused",
    "detail": "account refused by 1 issue",
    "request_id": "r-7",
    "issues": [{"source": "loyalty", "code": "tier", "message": "gold needs points", "field": "plugins.loyalty.tier"}],
}


class Handler(BaseHTTPRequestHandler):
    """Answers with what the path is mapped to, and remembers what was asked."""

    answers: dict[str, tuple[int, bytes]]
    seen: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        status, body = self.answers.get(self.path.partition("?")[0], (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


class Stub:
    """A tiny HTTP server: what it answers, what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        handler = type("OwnHandler", (Handler,), {"answers": self.answers, "seen": self.seen})
        self.server = HTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    thread = threading.Thread(target=stub.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    stub.server.shutdown()
    thread.join()
    stub.server.server_close()


def test_a_request_carries_key_headers_and_body(stub: Stub) -> None:
    stub.answers["/api/v1/accounts"] = (201, b'{"id": "a"}')

    with Client(stub.url, "crm_p_s") as client:
        answer = client.post("accounts", json={"name": "Ada"}, headers={"Idempotency-Key": "k"})

    (method, path, headers, body) = stub.seen[0]
    assert (method, path, json.loads(body)) == ("POST", "/api/v1/accounts", {"name": "Ada"})
    assert headers["Authorization"] == "Bearer crm_p_s"
    assert headers["Idempotency-Key"] == "k"
    assert (answer.status, answer.json, answer.headers["etag"]) == (201, {"id": "a"}, '"1"')


def test_a_path_with_a_slash_is_taken_as_it_is_and_no_key_is_sent_without_one(stub: Stub) -> None:
    stub.answers["/health"] = (200, b"ok")

    with Client(stub.url) as client:
        answer = client.get("/health")

    assert (answer.status, answer.json, answer.text) == (200, None, "ok")
    assert "Authorization" not in stub.seen[0][2]
    assert stub.seen[0][3] == b""


def test_helpers_return_what_the_server_answers(stub: Stub) -> None:
    stub.answers["/api/v1/accounts"] = (200, b'{"data": [{"id": "a"}], "next_cursor": null}')
    stub.answers["/api/v1/accounts/a"] = (200, b'{"id": "a"}')
    stub.answers["/api/v1/accounts/b"] = (204, b"")

    with Client(stub.url, "key") as client:
        assert client.list("accounts", sort="name", **{"name[contains]": "A d"}) == [{"id": "a"}]
        assert client.read("accounts", "a") == {"id": "a"}
        assert client.update("accounts", "a", name="B") == {"id": "a"}
        client.remove("accounts", "b")
        assert client.delete("accounts/b").status == 204

    assert [seen[:2] for seen in stub.seen] == [
        ("GET", "/api/v1/accounts?sort=name&name%5Bcontains%5D=A+d"),
        ("GET", "/api/v1/accounts/a"),
        ("PATCH", "/api/v1/accounts/a"),
        ("DELETE", "/api/v1/accounts/b"),
        ("DELETE", "/api/v1/accounts/b"),
    ]


def test_a_refusal_shows_the_problem_with_its_issues(stub: Stub) -> None:
    stub.answers["/api/v1/accounts"] = (422, json.dumps(PROBLEM).encode())

    with Client(stub.url, "key") as client, pytest.raises(UnexpectedAnswer) as caught:
        client.create("accounts", name="Ada")

    assert str(caught.value).splitlines() == [
        "POST accounts: answered 422, expected 201; refused: account refused by 1 issue",
        "  plugins.loyalty.tier: gold needs points (loyalty)",
        "request r-7",
    ]
    assert caught.value.answer.json == PROBLEM


@pytest.mark.parametrize(
    ("body", "shown"), [(b"<html>", "body: <html>"), (b"", "body: (empty)"), (b"[1]", "body: [1]")]
)
def test_an_answer_that_is_no_problem_is_shown_as_it_came(stub: Stub, body: bytes, shown: str) -> None:
    stub.answers["/api/v1/accounts/a"] = (500, body)

    with Client(stub.url, "key") as client, pytest.raises(UnexpectedAnswer) as caught:
        client.read("accounts", "a")

    assert str(caught.value) == f"GET accounts/a: answered 500, expected 200; {shown}"


def test_a_role_gets_one_client_with_a_key_of_its_own(stub: Stub) -> None:
    issued: list[str] = []

    def issue(role: str) -> str:
        issued.append(role)
        return f"key-of-{role}"

    with Client(stub.url, "key", issue) as client:
        assert client.as_role("sales") is client.as_role("sales")
        client.as_role("sales").get("accounts")
        client.as_role("support").get("accounts")

    assert issued == ["sales", "support"]
    assert [seen[2]["Authorization"] for seen in stub.seen] == ["Bearer key-of-sales", "Bearer key-of-support"]


def test_a_client_that_cannot_make_keys_says_so() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(RuntimeError, match="use that of the fixture `crm`"):
        client.as_role("sales")


def test_answers_are_values() -> None:
    assert Answer(200, None, {}) == Answer(200, None, {}, "")
