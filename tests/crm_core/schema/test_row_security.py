from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from crm_core.schema import core, platform
from crm_core.schema.row_security import row_security

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_A, _B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


def test_every_table_of_a_tenant_is_behind_the_wall_except_these() -> None:
    statements = [*row_security(core), *row_security(platform)]
    walled = {statement.split()[2] for statement in statements if statement.endswith("FORCE ROW LEVEL SECURITY")}
    tables = {table.fullname for table in [*core.sorted_tables, *platform.sorted_tables] if "tenant_id" in table.c}
    assert tables - walled == {"core.api_key", "plat.plugin_tenant", "plat.plugin_history"}
    maintained = {statement.split()[4] for statement in statements if statement.startswith("CREATE POLICY maintenance")}
    assert maintained == {"core.outbox", "core.audit_pending", "plat.job", "plat.delivery", "plat.plugin_health"}


def test_a_statement_sees_and_writes_its_own_tenant_only(postgres_url: str) -> None:
    async def work(connection: Any) -> None:
        await _two_tenants(connection)
        await _act_for(connection, _A)
        assert await connection.fetchval("SELECT array_agg(tenant_id) FROM core.record") == [_A]
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await _add_record(connection, _B)
        assert await connection.execute("DELETE FROM core.record") == "DELETE 1"
        await _act_for(connection, _B)
        assert await connection.fetchval("SELECT count(*) FROM core.record") == 1
        await connection.execute("SELECT set_config('crm.tenant', '', false)")
        assert await connection.fetchval("SELECT count(*) FROM core.record") == 0

    _run(postgres_url, work)


def test_maintenance_reaches_the_queues_of_all_tenants_and_nothing_else(postgres_url: str) -> None:
    async def work(connection: Any) -> None:
        await _two_tenants(connection)
        for tenant in (_A, _B):
            await _act_for(connection, tenant)
            await connection.execute("INSERT INTO core.audit_pending VALUES ($1, $2)", tenant, uuid.uuid4())
        await connection.execute("SELECT set_config('crm.tenant', '', false)")
        assert await connection.fetchval("SELECT count(*) FROM core.audit_pending") == 0
        await connection.execute("SELECT set_config('crm.maintenance', 'on', false)")
        assert await connection.fetchval("SELECT count(*) FROM core.audit_pending") == 2
        assert await connection.fetchval("SELECT count(*) FROM core.record") == 0

    _run(postgres_url, work)


def _run(url: str, work: Callable[[Any], Awaitable[None]]) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(url)
        try:
            await work(connection)
        finally:
            await connection.close()

    asyncio.run(main())


async def _two_tenants(connection: Any) -> None:
    for tenant in (_A, _B):
        await connection.execute(
            "INSERT INTO core.tenant (id, tenant_key, name, kind, base_currency, rounding, created_at)"
            " VALUES ($1, $2, 'x', 'live', 'EUR', 'half_up', $3)",
            tenant,
            str(tenant),
            _NOW,
        )
        await _act_for(connection, tenant)
        await _add_record(connection, tenant)


async def _act_for(connection: Any, tenant: uuid.UUID) -> None:
    await connection.execute("SELECT set_config('crm.tenant', $1, false)", str(tenant))


async def _add_record(connection: Any, tenant: uuid.UUID) -> None:
    await connection.execute("INSERT INTO core.record VALUES ($1, $2, 'account', $3)", tenant, uuid.uuid4(), _NOW)
