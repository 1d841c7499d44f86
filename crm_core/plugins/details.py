"""The details of one plugin that the database knows: manifest, tables, tenants, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.db.migrate import in_transaction
from crm_core.plugin_host import namespace
from crm_core.schema import plugin, plugin_history, plugin_tenant, tenant

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def details(url: str, name: str) -> dict[str, Any]:
    """Return manifest, tables, tenants and history of an installed plugin, nothing for another."""

    def read(connection: Connection) -> dict[str, Any]:
        row = connection.execute(sa.select(plugin.c.manifest).where(plugin.c.id == name)).one_or_none()
        if row is None:
            return {}
        return {
            "manifest": row.manifest,
            "tables": namespace.tables(connection, name),
            "tenants": _tenants(connection, name),
            "history": _history(connection, name),
        }

    return in_transaction(url, read, read_only=True)


def _tenants(connection: Connection, name: str) -> list[str]:
    query = (
        sa.select(tenant.c.tenant_key)
        .join(plugin_tenant, plugin_tenant.c.tenant_id == tenant.c.id)
        .where(plugin_tenant.c.plugin == name, plugin_tenant.c.enabled.is_(True))
        .order_by(tenant.c.tenant_key)
    )
    return list(connection.execute(query).scalars())


def _history(connection: Connection, name: str) -> list[dict[str, Any]]:
    columns = (plugin_history.c.at, plugin_history.c.version, plugin_history.c.action, plugin_history.c.actor)
    query = sa.select(*columns).where(plugin_history.c.plugin == name).order_by(plugin_history.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]
