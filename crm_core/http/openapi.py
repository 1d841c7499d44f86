"""The OpenAPI document: routes name their msgspec types, the document collects their schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.openapi.utils import get_openapi

from crm_core.http.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_types: dict[str, Any] = {"Problem": Problem}
_schemas: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Documentation:
    """What the document says of one route; ``body`` and ``answer`` are msgspec types.

    ``shown`` is documented instead of ``body`` where the body is decoded in two steps. ``plain`` and
    ``plain_body`` are pydantic models or JSON schemas instead: plugins' routes use them. ``text``: the answer is plain
    text.
    """

    name: str
    tag: str
    summary: str
    body: Any = None
    shown: Any = None
    answer: Any = None
    plain: Any = None
    plain_body: Any = None
    text: bool = False
    status: int = 200
    query: tuple[Mapping[str, Any], ...] = ()
    if_match: bool = False
    idempotent: bool = False


def document(route: Documentation, path: str, *, write: bool) -> dict[str, Any]:
    """Return the parts of the route's operation object that FastAPI cannot know."""
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in _PARAMETER.findall(path)
    ]
    parameters += [dict(each) for each in route.query]
    if route.if_match:
        text = "The ETag the change is based on; a record that moved on answers 409."
        parameters.append(_header("If-Match", text, pattern=r'^(\*|(W/)?"[0-9]{1,18}")$'))
    if route.idempotent:
        text = "Sent again with the same request, it answers the same and does nothing."
        parameters.append(_header("Idempotency-Key", text, minLength=1, maxLength=200))
    extra: dict[str, Any] = {"security": [{"apiKey": []}], "responses": _responses(route)}
    if parameters:
        extra["parameters"] = parameters
    schema = _reference(route.shown or route.body) if route.body is not None else _inlined(route.plain_body)
    if write and schema is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return extra


def _path_schema(name: str) -> dict[str, str]:
    return {"type": "string", "format": "uuid"} if name == "id" or name.endswith("_id") else {"type": "string"}


def _header(name: str, text: str, **limits: Any) -> dict[str, Any]:
    schema = {"type": "string", **limits}
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}


def _responses(route: Documentation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": route.summary}
    schema = _reference(route.answer) if route.answer is not None else _inlined(route.plain)
    if schema is not None:
        success["content"] = {"application/json": {"schema": schema}}
    problem = {"description": "A problem; `code` says which.", "content": {MEDIA_TYPE: {"schema": _reference(Problem)}}}
    return {str(route.status): success, "default": problem}


def _inlined(model: Any) -> dict[str, Any] | None:
    """Return a schema, or that of a pydantic model, its parts among the document's components."""
    if model is None:
        return None
    schema: dict[str, Any] = (
        dict(model)
        if isinstance(model, Mapping)
        else model.model_json_schema(ref_template=_REF.replace("{name}", "{model}"))
    )
    _schemas.update(schema.pop("$defs", {}))
    return schema


def _reference(kind: Any) -> dict[str, Any]:
    """Return the schema of a type, collecting the named ones."""
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    _types[str(getattr(kind, "__name__", kind))] = kind
    return dict(schema)


def install(app: FastAPI) -> None:
    """Make the application answer the complete document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _build(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation.get("responses", {}).pop("422", None)
    _, components = msgspec.json.schema_components(list(_types.values()), ref_template=_REF)
    parts = schema.setdefault("components", {})
    parts["schemas"] = {**parts.get("schemas", {}), **_schemas, **components}
    parts["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "crm_<prefix>_<secret>"}}
    return schema
