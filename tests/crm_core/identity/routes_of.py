"""The operations of an application as its OpenAPI document lists them, with the smallest request each accepts."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI

API = "/api/v1"
_EXAMPLES = {"^[A-Z]{3}$": "EUR"}
_PLAIN: Mapping[str, Any] = {"string": "x", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True)
class Operation:
    """One method of one path below ``/api/v1``, and the smallest body it accepts."""

    method: str
    path: str
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the path with its parameters; those without a value get an id nobody has."""
        return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1]) or str(uuid.uuid4()), self.path)


def operations(app: FastAPI) -> Sequence[Operation]:
    """Return every operation below ``/api/v1``."""
    document = app.openapi()
    found = [
        Operation(method.upper(), path.removeprefix(API), _body(path, operation, document))
        for path, methods in document["paths"].items()
        if path.startswith(f"{API}/")
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda each: (each.path, each.method))


def _body(path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    if path.endswith("/bulk"):
        single = document["paths"][path.removesuffix("/bulk")]["post"]
        return {"operations": [{"create": _body("", single, document)}]}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return {} if content is None else smallest(content["schema"], document["components"]["schemas"])


def smallest(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """Return a small value that a JSON schema of ours accepts."""
    if "$ref" in schema:
        return smallest(components[schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0], components)
    if "properties" in schema:
        return {name: smallest(schema["properties"][name], components) for name in schema.get("required", ())}
    if schema.get("minItems"):
        return [smallest(schema["items"], components)]
    return _scalar(schema)


def _scalar(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    formats = {"uuid": str(uuid.uuid4()), "decimal": "1"}
    return formats.get(schema.get("format", "")) or _EXAMPLES.get(schema.get("pattern", "")) or _plain(schema)


def _plain(schema: Mapping[str, Any]) -> Any:
    return _PLAIN[schema.get("type", "object")]
