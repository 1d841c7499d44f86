"""One way from a request to a service and back, the same for every route."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from crm_core.db.unit import new_request_id
from crm_core.db.values import is_unicode
from crm_core.errors import InvalidInput, MalformedRequest, PayloadTooLarge
from crm_core.http.idempotency import HEADER as IDEMPOTENCY_KEY
from crm_core.http.idempotency import KeyInUse, remembered
from crm_core.http.openapi import Documentation, document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crm_core.records.scope import Scope

# As many digits as every version has, and never more than int() takes.
_ETAG = re.compile(r'(W/)?"(?P<version>[0-9]{1,18})"')
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_WARNINGS = 10
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """One request, parsed: path and query parameters, body, and the version of If-Match."""

    path: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: Any
    raw: bytes
    version: int | None

    def id(self, name: str = "id") -> UUID:
        """Return a path parameter as an id."""
        try:
            return UUID(self.path[name])
        except ValueError:
            message = f"{self.path[name]!r} is not an id; ids look like 0190163d-8694-739b-aea5-966c26f8ad91"
            raise InvalidInput(message, parameter=name) from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers."""

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, *, status: int = 200, **headers: str) -> Answer:
        """Return an answer with the JSON of ``value``."""
        return cls(_encode(value), status, {name.replace("_", "-"): text for name, text in headers.items()})

    @classmethod
    def nothing(cls) -> Answer:
        """Return an answer without content."""
        return cls(status=204)


def add_route(
    router: APIRouter,
    method: str,
    path: str,
    service: Callable[[Scope, Call], Answer],
    documentation: Documentation,
) -> None:
    """Serve ``service`` at a path: authenticated, in one unit of work, committed when it returns."""
    decoder = msgspec.json.Decoder(documentation.body) if documentation.body is not None else None
    write = method != "GET"

    async def handle(request: Request) -> Response:
        runtime = request.app.state.runtime
        request_id = request.state.request_id = _request_id(request)
        await runtime.refresh()
        actor = await runtime.authentication.actor(request.headers.get("authorization"))
        raw = await _body(request, runtime.settings.max_body_bytes) if write else b""
        call = Call(
            request.path_params, request.query_params.multi_items(), _decode(decoder, raw), raw, _version(request)
        )
        run = service
        key = request.headers.get(IDEMPOTENCY_KEY)
        if key is not None and method == "POST":
            run = remembered(service, key, f"{method} {request.url.path}".encode() + b"\n" + raw)

        async def perform() -> Answer:
            answer: Answer = await runtime.run(
                actor, lambda scope: with_warnings(scope, run(scope, call)), write=write, request_id=request_id
            )
            return answer

        try:
            answer = await perform()
        except KeyInUse:
            # The same request was being done at the same moment; by now its answer is there.
            answer = await perform()
        headers = {"x-request-id": request_id, "x-content-type-options": "nosniff", **answer.headers}
        return Response(answer.content, answer.status, headers, "application/json" if answer.content else None)

    router.add_api_route(
        path,
        handle,
        methods=[method],
        response_model=None,
        response_class=PlainTextResponse if documentation.text else JSONResponse,
        name=documentation.name,
        operation_id=documentation.name,
        summary=documentation.summary,
        tags=[documentation.tag],
        openapi_extra=document(documentation, router.prefix + path, write=write),
        responses={},
        status_code=documentation.status,
    )


def with_warnings(scope: Scope, answer: Answer) -> Answer:
    """Return the answer with what plugins warned of, as JSON in the header ``crm-warnings``."""
    if not scope.warnings:
        return answer
    told = [
        {"source": source, "code": issue.code, "message": issue.message, "field": issue.field}
        for source, issue in scope.warnings[:_MOST_WARNINGS]
    ]
    # Headers are ASCII; JSON can say everything in it.
    return replace(answer, headers={**answer.headers, "crm-warnings": json.dumps(told)})


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else new_request_id()


async def _body(request: Request, limit: int) -> bytes:
    """Read the body, but never more than the limit."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            message = f"the request body is larger than {limit} bytes; send less at a time"
            raise PayloadTooLarge(message, limit=limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _decode(decoder: msgspec.json.Decoder[Any] | None, raw: bytes) -> Any:
    if decoder is None:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        text = str(error)
        where = text.rsplit(" - at ", 1)[-1].strip("`") if " - at " in text else "$"
        message = f"the request body does not fit: {text}"
        raise InvalidInput(message, pointer=where) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        broken = _half_pair(raw)
        if broken is not None:
            message = f"the request body does not fit: half of a surrogate pair is no character - at `{broken}`"
            raise InvalidInput(message, pointer=broken) from None
        message = f"the request body is not JSON: {error}"
        raise MalformedRequest(message) from None
    except RecursionError:
        message = "the request body nests too many lists and objects in each other; send a flatter one"
        raise InvalidInput(message, pointer="$") from None


def _half_pair(raw: bytes) -> str | None:
    """Return where a body has text that JSON can write and nothing can keep; None if it is no JSON at all."""
    try:
        left = [("$", json.loads(raw))]
    except (ValueError, RecursionError):
        return None
    while left:
        where, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{where}.{name}" if is_unicode(name) else where, each) for name, each in value.items()]
            value = "".join(value)
        elif isinstance(value, list):
            left += [(f"{where}[{place}]", each) for place, each in enumerate(value)]
        if isinstance(value, str) and not is_unicode(value):
            return where
    return None


def _version(request: Request) -> int | None:
    text = request.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    match = _ETAG.fullmatch(text.strip())
    if match is None:
        message = f'If-Match: {text}: send the ETag of the record as it was answered, e.g. "3"'
        raise MalformedRequest(message)
    return int(match["version"])
