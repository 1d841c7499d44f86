from __future__ import annotations

import asyncio
import base64
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.app import BlockingClient, run, running

if TYPE_CHECKING:
    import httpx

INDUSTRIES = [None, "food", "steel"]
KEYS = ["name", "industry", "created_at", "id"]


async def walk(client: httpx.AsyncClient, sort: str, limit: int) -> list[dict[str, Any]]:
    """Read every page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"sort": sort, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/accounts", params=params)).json()
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["data"]) == limit


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_pages_of_any_size_give_every_record_once_in_order(database_url: str, limit: int) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=3, unique_by=lambda each: each[0]
        )
    )
    def check(keys: list[tuple[str, bool]]) -> None:
        sort = ",".join(("-" if descending else "") + key for key, descending in keys)
        found = runner.run(walk(client, sort, limit))
        assert len(found) == len(everything)
        assert {each["id"] for each in found} == {each["id"] for each in everything}
        wanted = sorted(everything, key=lambda each: each["id"], reverse=keys[-1][1])
        for key, descending in reversed(keys):
            present = [each for each in wanted if each[key] is not None]
            empty = [each for each in wanted if each[key] is None]
            wanted = sorted(present, key=itemgetter(key), reverse=descending) + empty
        assert [each["id"] for each in found] == [each["id"] for each in wanted]

    with asyncio.Runner() as runner:
        context = running(database_url)
        app = runner.run(context.__aenter__())
        client = app.client()
        operations = [
            {"create": {"name": f"n{number % 4}", "industry": INDUSTRIES[number % 3]}} for number in range(13)
        ]
        runner.run(client.post("/accounts/bulk", json={"operations": operations}))
        everything = runner.run(client.get("/accounts", params={"limit": 500})).json()["data"]
        assert len(everything) == 13
        try:
            check()
        finally:
            runner.run(context.__aexit__(None, None, None))


def test_filters(client: BlockingClient) -> None:
    for name, amount in (("Alpha", "10"), ("beta", "20.5"), ("100% sure", "30"), ("under_score", None)):
        body = {"name": name} | ({"amount": amount, "currency": "EUR"} if amount else {})
        client.made("/opportunities", body)

    def names(**params: str) -> list[str]:
        answer = client.get("/opportunities", sort="name", **params)
        assert answer.status_code == 200, answer.text
        return sorted(each["name"] for each in answer.json()["data"])

    assert names(name="beta") == ["beta"]
    assert names(**{"name[contains]": "ALPH"}) == ["Alpha"]
    assert names(**{"name[contains]": "%"}) == ["100% sure"]
    assert names(**{"name[contains]": "_"}) == ["under_score"]
    assert names(**{"name[starts]": "b"}) == ["beta"]
    assert names(**{"amount[gte]": "20.5"}) == ["100% sure", "beta"]
    assert names(**{"amount[gt]": "20.5"}) == ["100% sure"]
    assert names(**{"amount[lt]": "20.5", "currency": "EUR"}) == ["Alpha"]
    assert names(**{"amount[empty]": "true"}) == ["under_score"]
    assert names(**{"name[in]": "Alpha,beta"}) == ["Alpha", "beta"]
    assert names(**{"name[ne]": "Alpha"}) == ["100% sure", "beta", "under_score"]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"nme": "x"}, "did you mean name?"),
        ({"name[like]": "x"}, "there is no operator 'like'"),
        ({"sort": "nme"}, "did you mean name?"),
        ({"sort": "name,name"}, "named twice"),
        ({"limit": "0"}, "1 to 500"),
        ({"limit": "501"}, "1 to 500"),
        ({"limit": "²"}, "1 to 500"),
        ({"limit": "9" * 5000}, "1 to 500"),
        ({"cursor": "rubbish"}, "cannot be read"),
        ({"version[gt]": "many"}, "version = 'many'"),
        ({"created_at[gt]": "yesterday"}, "created_at = 'yesterday'"),
        ({"version[contains]": "1"}, "not a text"),
        ({"industry[empty]": "maybe"}, "true or false"),
        ({"loyalty.tier": "gold"}, "no field 'loyalty.tier'"),
    ],
)
def test_a_list_that_cannot_be_asked_for_says_why(client: BlockingClient, params: dict[str, str], told: str) -> None:
    answer = client.get("/accounts", **params)

    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_a_cursor_belongs_to_its_sort(client: BlockingClient) -> None:
    for name in "abc":
        client.made("/accounts", {"name": name})
    cursor = client.get("/accounts", sort="name", limit=1).json()["next_cursor"]

    answer = client.get("/accounts", sort="-name", limit=1, cursor=cursor)

    assert (answer.status_code, answer.json()["parameter"]) == (422, "cursor")
    for text in ('["name,id",[1,2]]', '["name,id",[' + "[" * 3000 + "]" * 3000 + "]]"):
        forged = base64.urlsafe_b64encode(text.encode()).decode()
        assert client.get("/accounts", sort="name", cursor=forged).status_code == 422


def test_scopes_own_and_team_show_what_they_say(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            admin, sales = app.client(), app.client("sales")
            await admin.post("/accounts", json={"name": "of the administrator"})
            mine = (await sales.post("/accounts", json={"name": "mine"})).json()
            assert [each["id"] for each in (await sales.get("/accounts")).json()["data"]] == [mine["id"]]
            everything = (await admin.get("/accounts", params={"sort": "name"})).json()["data"]
            assert [each["name"] for each in everything] == ["mine", "of the administrator"]
            theirs = next(each for each in everything if each["id"] != mine["id"])
            assert (await sales.get(f"/accounts/{theirs['id']}")).status_code == 404
            assert (await sales.patch(f"/accounts/{theirs['id']}", json={"name": "x"})).status_code == 404

    run(scenario())
