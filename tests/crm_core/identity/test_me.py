from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_a_key_tells_whose_it_is_and_what_it_may_do(client: BlockingClient) -> None:
    answer = client.get("/me").json()
    assert answer["principal"]["name"] == "administrator"
    assert answer["tenant"]["id"] == str(client.app.tenant_id)
    assert (answer["tenant"]["tenant_key"], answer["tenant"]["rounding"]) == ("main", "half_up")
    assert answer["permissions"] == [{"resource": "*", "action": "*", "owner_ids": None}]
    sales = client.role("sales").get("/me").json()
    rights = {(each["resource"], each["action"]): each["owner_ids"] for each in sales["permissions"]}
    assert rights["account", "create"] is None
    assert rights["account", "delete"] == [sales["principal"]["id"]]
    assert ("product", "create") not in rights
