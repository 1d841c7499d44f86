"""What an attack has done: the rows, the answer, the next request and the process are compared with before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.adversarial.rows import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.adversarial.rows import Rows

# What the platform itself notes when a plugin fails.
_NOTED = ("plugin_health", "plugin_history", "epoch", "audit_pending", "audit_event", "audit_seal")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attack ended; without harms it was refused, or did nothing that matters."""

    attack: str
    status: int | None
    answer: str
    harms: tuple[str, ...]


def changed_rows(before: Rows, after: Rows, *, accepted: bool) -> Iterator[str]:
    """Name every change of rows that an accepted, or a refused, operation must not make."""
    for table in sorted(before.keys() | after.keys()):
        gone = before.get(table, frozenset()) - after.get(table, frozenset())
        new = after.get(table, frozenset()) - before.get(table, frozenset())
        noted = table.endswith(_NOTED)
        if gone and not noted:
            yield f"{len(gone)} rows of {table} changed or went"
        if new and not accepted and not noted:
            yield f"a refused operation left {len(new)} rows in {table}"
        if new and (table.startswith("plg_") or table == CATALOG):
            yield f"{len(new)} rows are new in {table}"


def missing_rows(before: Rows, after: Rows, prefix: str, record_id: str) -> Iterator[str]:
    """Name the parts of an accepted write that are not there."""
    for table in ("account", "record", "outbox"):
        new = after[prefix + table] - before[prefix + table]
        if not any(record_id in row for row in new):
            yield f"an accepted account has no row in {table}"


def read_secrets(answer: str, secrets: tuple[str, ...]) -> Iterator[str]:
    """Name the secrets an answer holds."""
    yield from (f"it read {secret[:40]!r}" for secret in secrets if secret and secret in answer)
