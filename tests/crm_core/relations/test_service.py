from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient

HASH = "0123456789abcdef" * 4


def test_an_attachment_is_facts_that_can_be_checked(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    body = {"record_id": account["id"], "name": "offer.pdf", "size": 0, "sha256": HASH.upper(), "storage_key": "k"}
    assert client.made("/attachments", body)["sha256"] == HASH
    for field, value in (("sha256", HASH[1:]), ("sha256", "g" * 64), ("size", -1)):
        answer = client.post("/attachments", {**body, field: value})
        assert (answer.status_code, answer.json()["issues"][0]["field"]) == (422, field)
    answer = client.post("/attachments", {**body, "record_id": str(uuid.uuid4())})
    assert (answer.status_code, answer.json()["field"]) == (422, "record_id")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_documentation_says_that_no_content_is_sent(client: BlockingClient) -> None:
    summary = client.app.app.openapi()["paths"]["/api/v1/attachments"]["post"]["summary"]
    assert "facts only" in summary
