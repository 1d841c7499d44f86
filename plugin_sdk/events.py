"""Facts that have been committed; delivered at least once, always with the same id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from plugin_sdk.records import Record


@dataclass(frozen=True, slots=True)
class Event:
    """One committed change.

    ``id`` is the idempotency key: a second delivery of the same event carries the same id.
    ``name`` is ``<record type>.<past tense>``, e.g. ``lead.created`` or ``opportunity.stage_entered``.
    ``record`` is the record as that change left it, not as it stands now.
    ``changes`` maps a field to its old and new value; for a created record old is None.
    """

    id: UUID
    name: str
    tenant_id: UUID
    record: Record
    changes: Mapping[str, tuple[Any, Any]]
    at: datetime
    actor_id: UUID | None
    plugin: str | None
    request_id: str | None
