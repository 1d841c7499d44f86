"""Connections that act as one of PostgreSQL's roles, as a plugin that got hold of one would."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

ADD_BY_HAND = "INSERT INTO plg_books.book (tenant_id, id, title) VALUES ($1, $2, $3)"


@asynccontextmanager
async def acting(url: str, role: str, tenant_id: UUID) -> AsyncIterator[Any]:
    """Give a connection that acts as a role for a tenant."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SET ROLE \"{role}\"; SELECT set_config('crm.tenant', '{tenant_id}', false)")
        yield connection
    finally:
        await connection.close()
