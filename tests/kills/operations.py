"""What the clients of the kill test ask for, and what they were told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.kills.fighters import SHARED, VETO

if TYPE_CHECKING:
    import random
    from uuid import UUID

ACCOUNTS = ("red", "green", "blue")
"""The names of the accounts of each tenant that its clients fight over."""


class Kind(StrEnum):
    """The kinds of operations; each is called by two plugins and writes in at least four tables."""

    CREATE = "create"
    UPDATE = "update"
    SHARED = "shared"
    VETOED = "vetoed"


class Outcome(StrEnum):
    """What a client may believe of its operation."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


_WEIGHTS = {Kind.CREATE: 3, Kind.UPDATE: 5, Kind.SHARED: 2, Kind.VETOED: 1}


@dataclass(slots=True)
class Operation:
    """One request of a client; its id is the request's id and, of a new account, its Idempotency-Key."""

    id: str
    tenant: str
    kind: Kind
    name: str
    guarded: bool
    status: int | None = None
    body: Any = None
    tries: int = 0

    @property
    def description(self) -> str:
        """What it writes into the account: who reads it there knows whose write was the last."""
        return {Kind.SHARED: SHARED, Kind.VETOED: VETO}.get(self.kind, "") + self.id

    @property
    def creates(self) -> bool:
        """Whether it makes a new account."""
        return self.kind is Kind.CREATE

    @property
    def failed_hook(self) -> str | None:
        """The plugin that a refusal names as the one that failed."""
        return (
            self.body.get("plugin") if isinstance(self.body, dict) and self.body.get("code") == "hook_failed" else None
        )

    def outcome(self, *, database_died: bool) -> Outcome:
        """Return what its answer means; where the database died, an error of the server's may come after its commit."""
        if self.status is None:
            return Outcome.UNKNOWN
        if self.status < 300:
            return Outcome.ACCEPTED
        if self.status >= 500 and database_died and self.failed_hook is None:
            return Outcome.UNKNOWN
        return Outcome.REFUSED

    def told(self, account_id: UUID | None) -> str:
        """Say what it was, for people who read a failure."""
        return f"{self.kind} {self.id} of tenant {self.tenant} on {account_id or self.name}: {self.status} {self.body}"


def random_operation(chance: random.Random, operation_id: str, tenant: str) -> Operation:
    """Return an operation as one client might want it."""
    kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    name = f"new {operation_id}" if kind is Kind.CREATE else chance.choice(ACCOUNTS)
    return Operation(operation_id, tenant, kind, name, guarded=chance.random() < 0.5)
