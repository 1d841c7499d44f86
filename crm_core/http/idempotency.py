"""``Idempotency-Key``: a request sent twice is done once and answered twice alike."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.errors import Duplicate, IdempotencyMismatch, MalformedRequest
from crm_core.records.statements import insert_into
from crm_core.schema import idempotency_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.http.operations import Answer, Call
    from crm_core.records.scope import Scope


class KeyInUse(Duplicate):
    """Another request with the same key was answered while this one was being done; nothing of this one is kept."""


HEADER = "idempotency-key"
_LONGEST = 200
_FIND = Statement(
    select(
        idempotency_key.c.principal_id,
        idempotency_key.c.fingerprint,
        idempotency_key.c.status,
        idempotency_key.c.response_body,
        idempotency_key.c.response_etag,
        idempotency_key.c.location,
    ).where(
        idempotency_key.c.tenant_id == bindparam("tenant_id", type_=idempotency_key.c.tenant_id.type),
        idempotency_key.c.idempotency_key == bindparam("key"),
    )
)
_INSERT = insert_into(idempotency_key)


def remembered(service: Callable[[Scope, Call], Answer], key: str, request: bytes) -> Callable[[Scope, Call], Answer]:
    """Return the service that runs once per key; the answer is kept in the same transaction as its effect.

    A request that failed has left nothing, so it may be sent again with the same key.
    """
    if not 1 <= len(key) <= _LONGEST:
        message = f"Idempotency-Key: send 1 to {_LONGEST} characters, a UUID for instance"
        raise MalformedRequest(message)
    fingerprint = hashlib.sha256(request).hexdigest()

    def run(scope: Scope, call: Call) -> Answer:
        scope.uow.begin()
        found = scope.uow.fetch_one(_FIND, {"key": key})
        if found is not None:
            return _again(scope, key, fingerprint, found)
        answer = service(scope, call)
        try:
            scope.uow.execute(_INSERT, _row(scope, key, fingerprint, answer))
        except Duplicate as error:
            if error.details.get("record_type") != idempotency_key.name:
                raise
            raise KeyInUse(error.message) from error
        return answer

    return run


def _row(scope: Scope, key: str, fingerprint: str, answer: Answer) -> dict[str, Any]:
    return {
        "idempotency_key": key,
        "principal_id": scope.actor.principal_id,
        "fingerprint": fingerprint,
        "status": answer.status,
        "response_body": answer.content.decode(),
        "response_etag": answer.headers.get("etag"),
        "location": answer.headers.get("location"),
        "created_at": scope.uow.now,
    }


def _again(scope: Scope, key: str, fingerprint: str, found: Any) -> Answer:
    from crm_core.http.operations import Answer  # noqa: PLC0415 - operations builds on this module

    principal_id, stored, status, body, etag, location = found
    if principal_id != scope.actor.principal_id or stored != fingerprint:
        message = f"Idempotency-Key {key!r} was used for another request; use a new key for each request"
        raise IdempotencyMismatch(message, idempotency_key=key)
    headers = {name: text for name, text in (("etag", etag), ("location", location)) if text}
    return Answer(body.encode(), status, {**headers, "idempotency-replayed": "true"})
