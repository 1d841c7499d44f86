"""How an audit event becomes a link of its tenant's hash chain.

The form is fixed for good: whoever has the rows can recompute every hash with SHA-256 and a JSON library.
A hash is over the hash before it and the event as JSON: keys sorted, no blanks, UTF-8 without escapes, ids as text,
the time as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, values of ``diff`` as stored. The first link follows ``genesis``.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from crm_core.schema import audit_event
from crm_core.schema.types import utc_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

# Written out, because a column that a later version adds must not change the hash of an event from before it.
_NAMES = (
    "tenant_id",
    "id",
    "at",
    "actor_id",
    "plugin",
    "request_id",
    "record_type",
    "record_id",
    "action",
    "diff",
)
COLUMNS = tuple(audit_event.c[name] for name in _NAMES)
_ID = _NAMES.index("id")
_AT = _NAMES.index("at")
_DIFF = _NAMES.index("diff")


def genesis(tenant_id: UUID) -> str:
    """Return what stands for the hash before a tenant's first seal."""
    return hashlib.sha256(f"crm-core audit chain {tenant_id}".encode()).hexdigest()


def link(previous: str, event: Sequence[Any]) -> str:
    """Return the hash that seals an event (its ``COLUMNS``) behind the hash before it."""
    return hashlib.sha256(previous.encode() + canonical(event)).hexdigest()


def canonical(event: Sequence[Any]) -> bytes:
    """Return the bytes of an event that are sealed."""
    values = [value if value is None or index == _DIFF else str(value) for index, value in enumerate(event)]
    values[_AT] = utc_text(event[_AT])
    members = dict(zip(_NAMES, values, strict=True))
    # The standard library's, whose way of writing numbers has not changed since Python 3.1.
    return json.dumps(members, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def event_id(event: Sequence[Any]) -> UUID | None:
    """Return the id of an event given as its ``COLUMNS``, None where an outer join found no event."""
    found: UUID | None = event[_ID]
    return found
