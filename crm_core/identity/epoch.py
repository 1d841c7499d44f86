"""The epoch: a counter that every change of keys, permissions, plugins or settings raises.

Processes look at it at most every half second (``CRM_REFRESH_SECONDS``), so such a change holds in the
process that made it at once and in every other one within that time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from crm_core.db.statements import Statement
from crm_core.schema import epoch

if TYPE_CHECKING:
    from crm_core.db.connection import Connection
    from crm_core.db.unit import UnitOfWork

_SCOPE = "state"
_READ = Statement(select(epoch.c.value).where(epoch.c.scope == bindparam("key_scope")))
_RAISE = Statement(update(epoch).where(epoch.c.scope == bindparam("key_scope")).values(value=epoch.c.value + 1))
_ADD = Statement(insert(epoch), ["scope", "value"])


def current(connection: Connection) -> int:
    """Return the epoch, 0 before the first change."""
    rows = connection.fetch(_READ, {"key_scope": _SCOPE})
    return int(rows[0][0]) if rows else 0


def advance(uow: UnitOfWork) -> None:
    """Raise the epoch with the change it announces."""
    if not uow.execute(_RAISE, {"key_scope": _SCOPE}):
        uow.execute(_ADD, {"scope": _SCOPE, "value": 1})
    uow.on_commit(uow.announce)
