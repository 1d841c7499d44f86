from __future__ import annotations

import pytest

from tests.support.app import BlockingClient, run, running


def test_nothing_but_health_and_documentation_answers_without_a_key(client: BlockingClient) -> None:
    open_paths = {"/health", "/docs", "/openapi.json"}
    document = client.run(client.http.get("http://crm/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method in operations:
            url = "http://crm" + path.replace("{id}", "0190163d-8694-739b-aea5-966c26f8ad91")
            answer = client.run(client.http.request(method, url, auth=None, json={}))
            assert (answer.status_code == 401) is (path not in open_paths), (method, path, answer.status_code)
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("header", ["Bearer crm_000000000000_x", "Bearer nonsense", "Basic abc", "", "Bearer"])
def test_a_key_that_does_not_fit_is_told_apart_from_none_by_nobody(client: BlockingClient, header: str) -> None:
    answer = client.run(client.http.get("/accounts", auth=None, headers={"authorization": header}))

    assert answer.status_code == 401
    assert "crm_" not in answer.json()["detail"].replace("crm_…", "")


def test_a_body_that_is_not_json_or_does_not_fit_is_located(client: BlockingClient) -> None:
    broken = client.run(client.http.post("/accounts", content=b'{"name": '))
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_request")
    wrong = client.post("/accounts", {"name": 5})
    assert (wrong.status_code, wrong.json()["pointer"]) == (422, "$.name")
    unknown = client.post("/accounts", {"name": "x", "nam": "y"})
    assert (unknown.status_code, "nam" in unknown.json()["detail"]) == (422, True)
    system = client.post("/accounts", {"name": "x", "version": 9})
    assert system.status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/accounts", b'{"name": "\\ud800x"}', "$.name"),
        ("/accounts", b'{"name": "x", "description": "\\udfff"}', "$.description"),
        ("/accounts", b'{"name": "x", "\\ud800": "y"}', "$"),
        ("/accounts", b'{"name": 1%s}' % (b"0" * 100_000), "$.name"),
        ("/accounts/bulk", b'{"operations": [{"create": {"name": "\\ud800"}}]}', "$.operations[0].create.name"),
        ("/activities", b'{"kind": "call", "data": {"a": ["\\ud800"]}}', "$.data.a[0]"),
        ("/activities", b'{"kind": "call", "data": {"a": 1%s}}' % (b"0" * 100_000), "$.data[...]"),
    ],
    ids=["text", "last half", "key", "number", "bulk", "JSON", "number in JSON"],
)
def test_what_nobody_can_keep_is_located(client: BlockingClient, path: str, body: bytes, pointer: str) -> None:
    answer = client.run(client.http.post(path, content=body))
    assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)
    assert len(answer.content) < 500


@pytest.mark.parametrize("value", [b"1" + b"0" * 100_000, b'"1%s"' % (b"0" * 100_000), b"1e100000", b'"-1e100000"'])
def test_a_number_far_too_large_names_its_field(client: BlockingClient, value: bytes) -> None:
    body = b'{"name": "x", "currency": "EUR", "amount": %s}' % value
    answer = client.run(client.http.post("/opportunities", content=body))
    assert (answer.status_code, answer.json()["field"]) == (422, "amount")
    assert len(answer.content) < 500


def test_a_body_over_the_limit_is_refused(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url, max_body_bytes=1000) as app:
            answer = await app.client().post("/accounts", json={"name": "x", "description": "y" * 2000})
            assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
            assert (await app.client().get("/accounts")).json()["data"] == []

    run(scenario())


def test_an_unreadable_if_match_is_refused(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "x"})

    for text in ("7", '"-1"', '"' + "9" * 5000 + '"'):
        answer = client.patch(f"/accounts/{made['id']}", {"name": "y"}, if_match=text)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_lists_in_lists_without_end_are_refused(client: BlockingClient) -> None:
    nested = b"[" * 100_000 + b"]" * 100_000
    content = b'{"name": "x", "plugins": {"a": {"b": ' + nested + b"}}}"

    answer = client.run(client.http.post("/accounts", content=content))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert "nests" in answer.json()["detail"]


def test_request_ids_go_through_and_rubbish_does_not(client: BlockingClient) -> None:
    assert client.post("/accounts", {"name": "x"}, x_request_id="abc-1").headers["x-request-id"] == "abc-1"
    made_up = client.post("/accounts", {"name": "x"}, x_request_id="a b\tc").headers["x-request-id"]
    assert made_up != "a b\tc"
    problem = client.post("/accounts", {"name": 1}, x_request_id="abc-2")
    assert problem.json()["request_id"] == problem.headers["x-request-id"] == "abc-2"


def test_unknown_routes_and_methods_are_problems(client: BlockingClient) -> None:
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_route")
    method = client.run(client.http.put("/accounts", json={}))
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in method.headers["allow"]


def test_an_id_that_is_none_is_told(client: BlockingClient) -> None:
    answer = client.get("/accounts/17")

    assert (answer.status_code, answer.json()["parameter"]) == (422, "id")
