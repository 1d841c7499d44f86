from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def _account(client: BlockingClient, name: str, parent: dict[str, Any] | None = None) -> dict[str, Any]:
    return client.made("/accounts", {"name": name, "parent_id": parent["id"] if parent else None})


def test_an_account_is_never_part_of_itself(client: BlockingClient) -> None:
    top = _account(client, "Top")
    middle = _account(client, "Middle", top)
    low = _account(client, "Low", middle)

    for parent in (top, middle, low):
        refused = client.patch(f"/accounts/{top['id']}", {"parent_id": parent["id"]})
        assert refused.status_code == 422
        (issue,) = refused.json()["issues"]
        assert (issue["source"], issue["code"], issue["field"]) == ("core", "parent_circle", "parent_id")
    assert client.patch(f"/accounts/{low['id']}", {"parent_id": top["id"]}).status_code == 200
    assert client.patch(f"/accounts/{top['id']}", {"parent_id": None, "name": "T"}).status_code == 200


def test_two_changes_at_once_close_no_circle(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            ids = [(await client.post("/accounts", json={"name": name})).json()["id"] for name in "ABC"]
            ring = list(zip(ids, [*ids[1:], ids[0]], strict=True))
            answers = await asyncio.gather(
                *(client.patch(f"/accounts/{child}", json={"parent_id": parent}) for child, parent in ring)
            )
            assert sorted(answer.status_code for answer in answers) == [200, 200, 422]

    run(scenario())


def test_a_winner_that_is_part_of_the_loser_takes_its_place(client: BlockingClient) -> None:
    top = _account(client, "Top")
    loser = _account(client, "Loser", top)
    middle = _account(client, "Middle", loser)
    winner = _account(client, "Winner", middle)

    merged = client.post(f"/accounts/{winner['id']}/merge", {"loser_id": loser["id"]})

    assert merged.status_code == 200, merged.text
    assert merged.json()["parent_id"] == top["id"]
    assert client.get(f"/accounts/{middle['id']}").json()["parent_id"] == winner["id"]


def test_a_winner_above_the_loser_does_not_become_its_own_part(client: BlockingClient) -> None:
    winner = _account(client, "Winner")
    middle = _account(client, "Middle", winner)
    loser = _account(client, "Loser", middle)
    child = _account(client, "Child", loser)

    merged = client.post(f"/accounts/{winner['id']}/merge", {"loser_id": loser["id"]})

    assert merged.json()["parent_id"] is None
    assert client.get(f"/accounts/{child['id']}").json()["parent_id"] == winner["id"]
