from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


@pytest.fixture
def stages(client: BlockingClient) -> dict[str, str]:
    pipeline = client.get("/pipelines", record_type="opportunity").json()["data"][0]
    found = client.get("/stages", pipeline_id=pipeline["id"]).json()["data"]
    return {stage["stage_key"]: stage["id"] for stage in found}


def _moved(client: BlockingClient, record: dict[str, Any], stage_id: str, **more: Any) -> dict[str, Any]:
    answer = client.patch(f"/opportunities/{record['id']}", {"stage_id": stage_id, **more})
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def test_probability_follows_the_stage_unless_it_is_given(client: BlockingClient, stages: dict[str, str]) -> None:
    assert client.made("/opportunities", {"name": "A", "probability": "33.5"})["probability"] == "33.5000"
    sale = client.made("/opportunities", {"name": "B"})
    assert sale["probability"] == "10.0000"
    assert _moved(client, sale, stages["proposal"])["probability"] == "40.0000"
    assert _moved(client, sale, stages["negotiation"], probability="55")["probability"] == "55.0000"
    kept = client.patch(f"/opportunities/{sale['id']}", {"name": "C"}).json()
    assert kept["probability"] == "55.0000"
    assert _moved(client, sale, stages["proposal"], probability=None)["probability"] == "40.0000"


def test_closing_is_noted_kept_and_cleared(client: BlockingClient, stages: dict[str, str]) -> None:
    pipeline = client.get("/pipelines", record_type="opportunity").json()["data"][0]
    delivered = client.made(
        "/stages",
        {"pipeline_id": pipeline["id"], "stage_key": "delivered", "name": "D", "category": "won", "position": 9},
    )
    sale = client.made("/opportunities", {"name": "A"})
    assert sale["closed_at"] is None

    won = _moved(client, sale, stages["won"])
    assert won["closed_at"] == won["stage_since"] == won["updated_at"]
    after = _moved(client, sale, delivered["id"])
    assert (after["closed_at"], after["stage_since"] > won["stage_since"]) == (won["closed_at"], True)
    lost = _moved(client, sale, stages["lost"], lost_reason="price")
    assert lost["closed_at"] == lost["stage_since"] > won["closed_at"]
    reopened = _moved(client, sale, stages["proposal"])
    assert (reopened["closed_at"], reopened["lost_reason"]) == (None, "price")
    assert client.made("/opportunities", {"name": "B", "stage_id": stages["lost"]})["closed_at"] is not None


def test_the_core_sets_the_closing_time(client: BlockingClient) -> None:
    answer = client.post("/opportunities", {"name": "A", "closed_at": "2026-01-01T00:00:00Z"})
    assert answer.status_code == 422
