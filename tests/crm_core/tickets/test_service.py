from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_a_ticket_is_resolved_in_a_stage_that_counts_as_won(client: BlockingClient) -> None:
    pipeline = client.get("/pipelines", record_type="ticket").json()["data"][0]
    found = client.get("/stages", pipeline_id=pipeline["id"]).json()["data"]
    stages = {stage["stage_key"]: stage["id"] for stage in found}
    ticket = client.made("/tickets", {"subject": "Broken"})

    def moved(key: str, **more: Any) -> dict[str, Any]:
        answer = client.patch(f"/tickets/{ticket['id']}", {"stage_id": stages[key], **more})
        changed: dict[str, Any] = answer.json()
        return changed

    assert ticket["resolved_at"] is None
    resolved = moved("resolved")
    assert resolved["resolved_at"] == resolved["stage_since"] == resolved["updated_at"]
    assert moved("in_progress")["resolved_at"] is None
    assert moved("closed")["resolved_at"] is None
    assert moved("resolved", resolved_at="2026-01-02T03:04:05Z")["resolved_at"] == "2026-01-02T03:04:05Z"
    given = client.made(
        "/tickets", {"subject": "Old", "stage_id": stages["resolved"], "resolved_at": "2020-01-01T00:00:00Z"}
    )
    assert given["resolved_at"] == "2020-01-01T00:00:00Z"
