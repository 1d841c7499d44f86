"""SQLAlchemy's dialect for schema changes on PostgreSQL, and for what else runs in their transaction.

The driver gives JSON as text, as on the request path, and the type of the column reads it: the core's own, and
SQLAlchemy's, which the inspector and the migrations of plugins use.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

__all__ = ["TextJsonDialect"]

# The version that stands before the text of a jsonb value.
_HEADS = {"json": b"", "jsonb": b"\x01"}


class TextJsonDialect(PGDialect_asyncpg):
    """PostgreSQL over asyncpg, with JSON left as text by the driver."""

    supports_native_json_deserialization = False
    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        """Take and give text."""
        await _leave_as_text(conn.driver_connection, "json")

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        """Take and give text."""
        await _leave_as_text(conn.driver_connection, "jsonb")


async def _leave_as_text(driver: Any, kind: str) -> None:
    head = _HEADS[kind]

    def encode(text: str) -> bytes:
        return head + text.encode()

    def decode(data: bytes) -> str:
        return data[len(head) :].decode()

    await driver.set_type_codec(kind, encoder=encode, decoder=decode, schema="pg_catalog", format="binary")


registry.register("postgresql.text_json", __name__, TextJsonDialect.__name__)
