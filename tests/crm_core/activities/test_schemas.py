from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient

_ACTIVITY = {"kind": "task", "subject": "Call"}


@pytest.mark.parametrize(
    ("path", "body", "column"),
    [
        ("/activities", _ACTIVITY, "regarding_id"),
        ("/contact-points", {"kind": "email", "value": "a@b.c"}, "record_id"),
        ("/opportunities", {"name": "A"}, "account_id"),
    ],
)
def test_a_reference_to_nothing_is_named(client: BlockingClient, path: str, body: dict[str, str], column: str) -> None:
    refused = client.post(path, {**body, column: str(uuid4())})

    assert (refused.status_code, refused.json()["code"]) == (422, "reference_not_found"), refused.text
    assert refused.json()["fields"] == [column]
    assert column in refused.json()["detail"]


def test_a_changed_reference_to_nothing_is_named(client: BlockingClient) -> None:
    activity = client.made("/activities", _ACTIVITY)
    assert client.patch(f"/activities/{activity['id']}", {"regarding_id": activity["id"]}).status_code == 200

    refused = client.patch(f"/activities/{activity['id']}", {"regarding_id": str(uuid4())})

    assert (refused.status_code, refused.json()["fields"]) == (422, ["regarding_id"])


def test_the_record_of_another_tenant_is_nothing(client: BlockingClient) -> None:
    other = client.run(client.app.add_tenant("other"))
    theirs = client.run(client.app.client(tenant_id=other).post("/accounts", json={"name": "Theirs"})).json()

    refused = client.post("/activities", {**_ACTIVITY, "regarding_id": theirs["id"]})

    assert (refused.status_code, refused.json()["fields"]) == (422, ["regarding_id"])
    client.made("/activities", {**_ACTIVITY, "regarding_id": client.made("/leads", {"name": "Ours"})["id"]})
