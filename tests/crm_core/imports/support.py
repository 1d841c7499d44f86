"""Imports and exports inside the test process, over a real database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from crm_core.actors import system_actor
from crm_core.db.statements import Statement
from crm_core.imports.export import Export, export_file
from crm_core.imports.mapping import parse_mapping
from crm_core.imports.service import Request, import_file
from crm_core.records.listing import list_rows, parse
from crm_core.records.statements import in_tenant
from crm_core.schema import core
from tests.support.app import running

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    from crm_core.imports.service import Outcome
    from crm_core.records.scope import Scope
    from tests.support.app import RunningApp

ACCOUNTS = """
[[record]]
record_type = "account"
system = "shop"
ext_id = "{id}"
[record.fields]
name = { column = "name" }
industry = { column = "industry" }
"""


@dataclass
class Importer:
    """Imports texts into the tenant of an application."""

    app: RunningApp
    folder: Path

    async def load(
        self, text: str | bytes, mapping: str = ACCOUNTS, *, tenant_id: UUID | None = None, **options: Any
    ) -> Outcome:
        """Import a text as a file."""
        file = self.folder / "data.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return await self.load_file(file, mapping, tenant_id=tenant_id, **options)

    async def load_file(self, file: Path, mapping: str, *, tenant_id: UUID | None = None, **options: Any) -> Outcome:
        """Import a file."""
        actor = system_actor(tenant_id or self.app.tenant_id, "import")
        request = Request(file, parse_mapping(mapping.encode(), "map.toml"), **options)
        return await import_file(lambda function: self.app.runtime.run(actor, function), request)

    async def save(self, record_type: str, *, tenant_id: UUID | None = None, **options: Any) -> Path:
        """Export a record type and return the file."""
        out = self.folder / f"{record_type}.out"
        actor = system_actor(tenant_id or self.app.tenant_id, "export")
        export = Export("main", record_type, out, **options)
        await export_file(lambda function: self.app.runtime.run(actor, function, write=False), export)
        return out

    async def rows(self, record_type: str, *, tenant_id: UUID | None = None) -> list[dict[str, Any]]:
        """Return all records of a type in the order of their ids."""

        def read(scope: Scope) -> list[dict[str, Any]]:
            entity = scope.entity(record_type)
            fields = scope.hooks.tenant.fields.of(record_type, scope.hooks.tenant.enabled)
            return list_rows(scope, entity, parse(entity, fields, [("limit", "500")]))[0]

        return await self.app.as_system(read, tenant_id=tenant_id)

    async def count(self, table: str) -> int:
        """Return how many rows a table has for the tenant."""
        found = core.tables[f"core.{table}"]
        statement = Statement(select(func.count().label("n")).select_from(found).where(in_tenant(found.c.tenant_id)))
        rows: Sequence[Any] = await self.app.as_system(lambda scope: scope.uow.fetch(statement, {}))
        return int(rows[0][0])


__all__ = ["ACCOUNTS", "Importer", "running"]
