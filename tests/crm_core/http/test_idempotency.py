from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.app import BlockingClient, run, running

if TYPE_CHECKING:
    import httpx


def test_a_request_sent_again_is_done_once_and_answered_alike(client: BlockingClient) -> None:
    first = client.post("/accounts", {"name": "Acme"}, idempotency_key="k-1")
    again = client.post("/accounts", {"name": "Acme"}, idempotency_key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    assert again.headers["idempotency-replayed"] == "true"
    assert len(client.get("/accounts").json()["data"]) == 1


def test_a_key_used_for_another_request_or_by_another_principal_is_refused(client: BlockingClient) -> None:
    client.post("/accounts", {"name": "Acme"}, idempotency_key="k-1")

    other_body = client.post("/accounts", {"name": "Other"}, idempotency_key="k-1")
    other_actor = client.role("manager").post("/accounts", {"name": "Acme"}, idempotency_key="k-1")

    for answer in (other_body, other_actor):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert len(client.get("/accounts").json()["data"]) == 1


def test_a_failed_request_may_be_sent_again(client: BlockingClient) -> None:
    assert client.post("/accounts", {"name": ""}, idempotency_key="k-2").status_code == 422
    assert client.post("/accounts", {"name": "Acme"}, idempotency_key="k-2").status_code == 201


def test_sent_many_times_at_once_it_is_done_once(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()

            async def send() -> httpx.Response:
                return await client.post("/accounts", json={"name": "A"}, headers={"idempotency-key": "same"})

            answers = await asyncio.gather(*(send() for _ in range(6)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.json()["id"] for answer in answers}) == 1
            assert len((await client.get("/accounts")).json()["data"]) == 1

    run(scenario())
