"""From an API key to an actor, remembered until something about keys or permissions changes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.errors import NotAuthenticated
from crm_core.identity.grants import load_actor
from crm_core.identity.keys import matches, prefix_of
from crm_core.schema import api_key, principal, tenant

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.actors import Actor
    from crm_core.db.connection import Connection, Database

_MOST = 10_000
_FIND = Statement(
    select(api_key.c.tenant_id, api_key.c.principal_id, api_key.c.hash, api_key.c.expires_at)
    .join(tenant, tenant.c.id == api_key.c.tenant_id)
    .where(
        api_key.c.prefix == bindparam("prefix"),
        api_key.c.revoked_at.is_(None),
        tenant.c.closed_at.is_(None),
    )
)
_PRINCIPAL = Statement(
    select(principal.c.name, principal.c.active).where(
        principal.c.tenant_id == bindparam("tenant_id", type_=principal.c.tenant_id.type),
        principal.c.id == bindparam("id", type_=principal.c.id.type),
        principal.c.deleted_at.is_(None),
    )
)


class _Known(NamedTuple):
    hash: str
    expires_at: dt.datetime | None
    actor: Actor


class Authentication:
    """Checks keys against the database once and then from memory."""

    def __init__(self, database: Database) -> None:
        """Start knowing nobody."""
        self._database = database
        self._known: dict[str, _Known] = {}

    def forget(self) -> None:
        """Drop what is remembered: a key, a permission or a tenant has changed."""
        self._known = {}

    async def actor(self, header: str | None) -> Actor:
        """Return who sends the Authorization header, or raise NotAuthenticated without saying what was wrong."""
        scheme, _, text = (header or "").partition(" ")
        prefix = prefix_of(text) if scheme.lower() == "bearer" else None
        if prefix is None:
            message = "send your API key as 'Authorization: Bearer crm_…'"
            raise NotAuthenticated(message)
        known = self._known.get(prefix) or await self._find(prefix)
        if known is None or not matches(text, known.hash):
            raise _unknown()
        if known.expires_at is not None and known.expires_at <= dt.datetime.now(dt.UTC):
            raise _unknown()
        return known.actor

    async def _find(self, prefix: str) -> _Known | None:
        rows = await self._database.run(
            lambda connection: connection.fetch(_FIND, {"prefix": prefix}), tenant_id=None, write=False
        )
        if not rows:
            return None
        tenant_id, principal_id, stored, expires_at = rows[0]
        actor = await self._database.run(
            lambda connection: _load(connection, tenant_id, principal_id), tenant_id=tenant_id, write=False
        )
        if actor is None:
            return None
        if len(self._known) >= _MOST:
            self.forget()
        known = self._known[prefix] = _Known(stored, expires_at, actor)
        return known


def _load(connection: Connection, tenant_id: UUID, principal_id: UUID) -> Actor | None:
    rows = connection.fetch(_PRINCIPAL, {"tenant_id": tenant_id, "id": principal_id})
    if not rows or not rows[0][1]:
        return None
    return load_actor(connection, tenant_id, principal_id, rows[0][0])


def _unknown() -> NotAuthenticated:
    message = "this API key is unknown, revoked or expired; ask an administrator for another"
    return NotAuthenticated(message)
