from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_a_narrow_scope_sees_its_own_rows(client: BlockingClient) -> None:
    a, b = (client.made("/accounts", {"name": name})["id"] for name in "AB")
    client.made("/links", {"src_id": a, "rel": "partner_of", "dst_id": b})
    sales = client.role("sales")
    c, d = (sales.made("/accounts", {"name": name})["id"] for name in "CD")
    own = sales.made("/links", {"src_id": c, "rel": "partner_of", "dst_id": d})
    assert sales.get("/links").json()["data"] == [own]
    assert len(client.get("/links").json()["data"]) == 2


def test_a_narrow_scope_on_rows_without_an_owner_is_denied_aloud(client: BlockingClient) -> None:
    ann = client.role("support")
    me = ann.get("/me").json()["principal"]["id"]
    everything = client.get("/permissions", resource="external_ref").json()["data"]
    for permission in everything:
        client.delete(f"/permissions/{permission['id']}")
    body = {"principal_id": me, "resource": "external_ref", "action": "read", "scope": "own"}
    client.made("/permissions", body)
    answer = ann.get("/external-refs")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert "scope all" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"src_id": "x"}, "src_id"),
        ({"valid_to[empty]": "maybe"}, "valid_to[empty]"),
        ({"valid_to[gt]": "2020-01-01"}, "valid_to[gt]"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "?"}, "cursor"),
        ({"name": "x"}, "name"),
    ],
)
def test_a_wrong_parameter_is_named(client: BlockingClient, query: dict[str, str], parameter: str) -> None:
    answer = client.get("/links", **query)
    assert answer.status_code == 422
    assert parameter in {answer.json().get("parameter"), answer.json().get("field")}
