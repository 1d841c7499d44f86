"""Errors as ``application/problem+json``: one shape, a stable code, a sentence that says what to do."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.responses import Response

from crm_core.errors import CrmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request
    from starlette.exceptions import HTTPException

logger = logging.getLogger("crm_core.http")

MEDIA_TYPE = "application/problem+json"
# Details may hold anything an error knew; what JSON has no form for is told as text.
_encode = msgspec.json.Encoder(enc_hook=str).encode
# Python 3.13 renamed these; an answer must not depend on the interpreter.
_TITLES = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}


class Problem(msgspec.Struct):
    """The members every problem has; errors add their own, see the list of codes in the guide."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str


def problem_of(error: CrmError, request_id: str) -> dict[str, Any]:
    """Return an error as the members of a problem."""
    title = _TITLES.get(error.status) or HTTPStatus(error.status).phrase
    members = msgspec.to_builtins(Problem("about:blank", title, error.status, error.code, error.message, request_id))
    return {**{key: value for key, value in error.details.items() if value is not None}, **members}


def answer_problem(error: CrmError, request_id: str) -> Response:
    """Return the response for an error."""
    headers = {"x-request-id": request_id}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return Response(_content(problem_of(error, request_id)), error.status, headers, MEDIA_TYPE)


def _content(problem: Mapping[str, Any]) -> bytes:
    """Return a problem as JSON; an error may repeat what is no Unicode, of a plugin for one."""
    try:
        return _encode(problem)
    except UnicodeEncodeError:
        return json.dumps(problem, ensure_ascii=False, default=str).encode("utf-8", "replace")


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(CrmError, _on_crm_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPStatus.NOT_FOUND, _on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, _on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _on_any_error)


async def _on_crm_error(request: Request, error: CrmError) -> Response:
    return answer_problem(error, request_id_of(request))


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    path = request.url.path
    message = f"{request.method} {path}: {error.detail}; see /docs for what there is"
    codes = {HTTPStatus.NOT_FOUND: "no_such_route", HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed"}
    kind = type("_HttpError", (CrmError,), {"code": codes[HTTPStatus(error.status_code)], "status": error.status_code})
    response = answer_problem(kind(message), request_id_of(request))
    response.headers.update(error.headers or {})
    return response


async def _on_any_error(request: Request, error: Exception) -> Response:
    request_id = request_id_of(request)
    logger.error(
        "request %s %s failed", request.method, request.url.path, exc_info=error, extra={"request_id": request_id}
    )
    message = f"the server failed; nothing was stored. Tell your administrator the request id {request_id}"
    return answer_problem(_Unexpected(message), request_id)


class _Unexpected(CrmError):
    """A failure nobody foresaw; its text goes to the log, not to the client."""

    code = "server_error"


def request_id_of(request: Request) -> str:
    """Return the id given to the request, or one from its header."""
    return str(getattr(request.state, "request_id", None) or request.headers.get("x-request-id") or "-")[:64]
