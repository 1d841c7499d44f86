from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from crm_core.records.create import create

if TYPE_CHECKING:
    import httpx

    from crm_core.records.scope import Scope
    from tests.support.app import BlockingClient


def _code(answer: httpx.Response) -> str:
    issues: list[dict[str, str]] = answer.json()["issues"]
    return issues[0]["code"]


def test_a_pipeline_is_for_one_staged_record_type_for_ever(client: BlockingClient) -> None:
    made = {"pipeline_key": "x", "name": "X"}
    refused = client.post("/pipelines", {"record_type": "account", **made})
    assert refused.status_code == 422
    assert "choose lead or opportunity or ticket" in refused.json()["detail"]
    pipeline = client.made("/pipelines", {"record_type": "lead", **made})
    assert _code(client.patch(f"/pipelines/{pipeline['id']}", {"record_type": "ticket"})) == "fixed_field"
    assert client.patch(f"/pipelines/{pipeline['id']}", {"name": "Y"}).json()["name"] == "Y"


def test_a_stage_stays_in_its_pipeline(client: BlockingClient) -> None:
    stage, *_, last = client.get("/stages").json()["data"]
    assert stage["pipeline_id"] != last["pipeline_id"]
    assert _code(client.patch(f"/stages/{stage['id']}", {"pipeline_id": last["pipeline_id"]})) == "fixed_field"


def test_what_holds_records_is_not_deleted(client: BlockingClient) -> None:
    lead = client.made("/leads", {"name": "Ada"})
    for path in (f"/stages/{lead['stage_id']}", f"/pipelines/{lead['pipeline_id']}"):
        refused = client.delete(path)
        assert (refused.status_code, _code(refused)) == (422, "in_use")
        assert lead["id"] in refused.json()["detail"]
    client.delete(f"/leads/{lead['id']}")
    assert client.delete(f"/stages/{lead['stage_id']}").status_code == 204


def test_a_stage_made_within_one_operation_can_be_used_in_it(client: BlockingClient) -> None:
    pipeline = client.get("/pipelines", record_type="lead").json()["data"][0]
    values = {"pipeline_id": UUID(pipeline["id"]), "stage_key": "z", "name": "Z", "position": -1, "category": "open"}

    def operate(scope: Scope) -> tuple[UUID, UUID]:
        create(scope, scope.entity("lead"), {"name": "1"})
        stage = create(scope, scope.entity("stage"), values)
        lead = create(scope, scope.entity("lead"), {"name": "2"})
        return stage["id"], lead["stage_id"]

    made, entered = client.as_system(operate)
    assert made == entered
