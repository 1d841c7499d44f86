from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def document(client: BlockingClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.run(client.http.get("http://crm/openapi.json", auth=None)).json()
    return answer


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in references(each)]
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    return []


def test_every_reference_leads_somewhere_and_every_operation_has_an_id(client: BlockingClient) -> None:
    found = document(client)

    schemas = found["components"]["schemas"]
    assert {each.rsplit("/", 1)[-1] for each in references(found)} <= schemas.keys()
    ids = [operation["operationId"] for path in found["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_every_operation_below_the_api_declares_its_answers_its_parameters_and_the_key(client: BlockingClient) -> None:
    for path, operations in document(client)["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["security"] == [{"apiKey": []}], where
            assert "application/problem+json" in operation["responses"]["default"]["content"], where
            success = [status for status in operation["responses"] if status.startswith("2")]
            assert len(success) == 1, where
            if success != ["204"]:
                ((media_type, content),) = operation["responses"][success[0]]["content"].items()
                assert media_type == ("text/plain" if path == "/api/v1/metrics" else "application/json"), where
                assert content["schema"], where
            named = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
            assert named == re.findall(r"\{(\w+)\}", path), where


def test_the_schema_of_a_record_is_what_is_answered(client: BlockingClient) -> None:
    schema = document(client)["components"]["schemas"]["Account"]
    made = client.made("/accounts", {"name": "Acme"})

    assert set(schema["properties"]) == set(made)
    assert set(schema["required"]) == set(made)
    create = document(client)["components"]["schemas"]["AccountCreate"]
    assert create["required"] == ["name"]
    assert create["additionalProperties"] is False


def test_the_page_of_the_documentation_shows_every_path_and_loads_nothing(client: BlockingClient) -> None:
    answer = client.run(client.http.get("http://crm/docs", auth=None))

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.findall(r"""(?:src|href)=["']?https?://""", answer.text) == []
    for path in document(client)["paths"]:
        assert path in answer.text, path
