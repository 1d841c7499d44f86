"""Whether answers are what the OpenAPI document and the guide say: the checks of every request these tests send."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import schemathesis
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemathesis.schemas import APIOperation, BaseSchema

MEDIA_TYPE = "application/problem+json"
# Not `positive_data_acceptance`: that an end comes after its start, or that an id is one of this tenant's records, is
# no JSON schema's business.
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
_GUIDE = Path(__file__).parents[2] / "crm_core" / "docs" / "api.md"
_CODE = re.compile(r"^\| `(?P<code>\w+)` \| (?P<status>\d{3}) \|", re.MULTILINE)
CODES: Mapping[str, int] = {
    match["code"]: int(match["status"]) for match in _CODE.finditer(_GUIDE.read_text(encoding="utf-8"))
}
"""The codes of problems that the administrator's guide explains, with the status of each."""


def schema_of(document: Mapping[str, Any]) -> BaseSchema:
    """Return the document as schemathesis reads it, without keys: the tests' clients send real ones."""
    stripped = json.loads(json.dumps(document))
    del stripped["components"]["securitySchemes"]
    for operations in stripped["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return schemathesis.openapi.from_dict(stripped)


def operations_of(schema: BaseSchema) -> list[APIOperation[Any, Any, Any, Any]]:
    """Return all operations; what deletes comes last, so that what else names the samples finds them."""
    found: list[APIOperation[Any, Any, Any, Any]] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result.err()
        found.append(result.ok())
    return sorted(found, key=lambda each: (each.method == "delete", each.label))


def check(case: schemathesis.Case[Any], answer: httpx.Response, *, negative: bool) -> None:
    """Check an answer to a generated request; ``negative``: one that does not fit the document must be refused."""
    checks = [*CHECKS, negative_data_rejection] if negative and not _row_refused(case, answer) else [*CHECKS]
    case.validate_response(answer, checks=checks)
    if not answer.is_success:
        check_problem(answer)


def _row_refused(case: schemathesis.Case[Any], answer: httpx.Response) -> bool:
    """Tell whether an answer of many refuses one of its operations; the status of the whole is 200 nevertheless."""
    many = case.operation.path.endswith("/bulk") and answer.is_success
    return many and any(row["status"] >= httpx.codes.BAD_REQUEST for row in answer.json()["results"])


def check_problem(answer: httpx.Response) -> None:
    """Check that an answer is a problem whose code the guide explains."""
    assert answer.headers["content-type"] == MEDIA_TYPE, answer.headers
    problem = answer.json()
    assert CODES.get(problem["code"]) == answer.status_code == problem["status"], problem
    assert problem["request_id"] == answer.headers["x-request-id"]
