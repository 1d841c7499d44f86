from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.support.app import BlockingClient, run, running

if TYPE_CHECKING:
    import httpx


def test_a_change_raises_the_version_and_keeps_the_rest(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme", "industry": "steel"})

    answer = client.patch(f"/accounts/{made['id']}", {"name": "Acme Ltd"}, if_match='"1"')

    assert answer.status_code == 200
    assert answer.headers["etag"] == '"2"'
    assert (answer.json()["name"], answer.json()["industry"], answer.json()["version"]) == ("Acme Ltd", "steel", 2)
    assert client.get(f"/accounts/{made['id']}").json() == answer.json()


def test_a_stale_version_answers_both_versions_and_changes_nothing(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme"})
    client.patch(f"/accounts/{made['id']}", {"name": "First"})

    answer = client.patch(f"/accounts/{made['id']}", {"name": "Second"}, if_match='"1"')

    assert answer.status_code == 409
    assert answer.json()["code"] == "version_conflict"
    assert (answer.json()["expected_version"], answer.json()["current_version"]) == (1, 2)
    assert client.get(f"/accounts/{made['id']}").json()["name"] == "First"


def test_a_change_that_changes_nothing_keeps_the_version(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme"})

    answer = client.patch(f"/accounts/{made['id']}", {"name": "Acme"})

    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_null_empties_a_field_and_a_required_one_refuses_it(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme", "industry": "steel"})

    assert client.patch(f"/accounts/{made['id']}", {"industry": None}).json()["industry"] is None
    assert client.patch(f"/accounts/{made['id']}", {"name": None}).status_code == 422


def test_deleted_disappears_and_comes_back_as_it_was(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme"})

    assert client.delete(f"/accounts/{made['id']}", if_match='"7"').status_code == 409
    assert client.delete(f"/accounts/{made['id']}").status_code == 204
    assert client.get(f"/accounts/{made['id']}").status_code == 404
    assert client.patch(f"/accounts/{made['id']}", {"name": "x"}).status_code == 404
    assert client.get("/accounts").json()["data"] == []
    assert [each["id"] for each in client.get("/accounts", deleted="true").json()["data"]] == [made["id"]]
    back = client.post(f"/accounts/{made['id']}/restore")
    assert (back.status_code, back.json()["name"], back.json()["version"]) == (200, "Acme", 3)
    assert client.post(f"/accounts/{made['id']}/restore").status_code == 404


def test_a_record_nobody_has_is_not_found(client: BlockingClient) -> None:
    answer = client.patch(f"/accounts/{uuid4()}", {"name": "x"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_of_writers_at_once_with_one_version_exactly_one_wins(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            made = (await client.post("/accounts", json={"name": "Acme"})).json()

            async def change(number: int) -> httpx.Response:
                path = f"/accounts/{made['id']}"
                return await client.patch(path, json={"name": f"writer {number}"}, headers={"if-match": '"1"'})

            answers = await asyncio.gather(*(change(number) for number in range(8)))
            winners = [answer for answer in answers if answer.status_code == 200]
            assert len(winners) == 1
            assert {answer.status_code for answer in answers} == {200, 409}
            left = (await client.get(f"/accounts/{made['id']}")).json()
            assert (left["name"], left["version"]) == (winners[0].json()["name"], 2)

    run(scenario())
