"""``crm init``, ``crm migrate``, ``crm tenant …``, ``crm key …``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import fail, show, table
from crm_core.cli.session import AsJson, Database, Tenant, operator, settings_for, tenant_id_of, with_runtime

if TYPE_CHECKING:
    from crm_core.runtime import Runtime

tenant_app = typer.Typer(no_args_is_help=True, help="Tenants: organisations, sandboxes and trial runs.")
key_app = typer.Typer(no_args_is_help=True, help="API keys.")


def init(
    database: Database = None,
    as_json: AsJson = False,
    name: Annotated[str, typer.Option(help="The name of the first tenant.")] = "Main",
    currency: Annotated[str, typer.Option(help="Its base currency.")] = "EUR",
) -> None:
    """Make the database, the first tenant and its administrator's API key (shown once)."""
    _migrate(database)
    made = with_runtime(database, lambda runtime: _make(runtime, "main", name, "live", currency), plugins=False)
    _show_made(made, as_json=as_json)


def migrate(database: Database = None, as_json: AsJson = False) -> None:
    """Bring the database to the schema of this version."""
    steps = _migrate(database)
    text = "\n".join(f"{step['schema']}: {step['before'] or 'nothing'} → {step['after']}" for step in steps)
    show({"steps": steps}, text, as_json=as_json)


@tenant_app.command("create")
def create_tenant(
    key: str,
    name: Annotated[str | None, typer.Option(help="The name; default: the key.")] = None,
    kind: Annotated[str, typer.Option(help="live, sandbox or trial.")] = "live",
    currency: Annotated[str, typer.Option(help="The base currency.")] = "EUR",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant with roles, default pipelines and an administrator's API key (shown once)."""
    made = with_runtime(database, lambda runtime: _make(runtime, key, name or key, kind, currency), plugins=False)
    _show_made(made, as_json=as_json)


@tenant_app.command("list")
def list_tenants(database: Database = None, as_json: AsJson = False) -> None:
    """List the tenants."""

    async def work(runtime: Runtime) -> list[dict[str, Any]]:
        from crm_core.identity.tenants import ALL_TENANTS

        rows = await runtime.database.run(
            lambda connection: connection.fetch(ALL_TENANTS, {}), tenant_id=None, write=False
        )
        return [{"tenant_id": str(row[0]), "tenant": row[1], "name": row[2], "kind": row[3]} for row in rows]

    rows = with_runtime(database, work, plugins=False)
    show(rows, table(rows, ["tenant", "name", "kind", "tenant_id"]), as_json=as_json)


@key_app.command("create")
def create_key(
    tenant: Tenant,
    login: Annotated[str, typer.Option(help="The login of the user; made if there is none.")],
    role: Annotated[str, typer.Option(help="administrator, manager, sales, support, read_only or service.")],
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key for a user with a role (shown once)."""

    async def work(runtime: Runtime) -> str:
        from crm_core.identity.tenants import make_principal_key, system_actor

        actor = system_actor(await tenant_id_of(runtime, tenant))
        return await runtime.run(actor, lambda scope: make_principal_key(scope, login, role, f"key of {login}"))

    text = with_runtime(database, work)
    show({"tenant": tenant, "login": login, "role": role, "api_key": text}, text, as_json=as_json)


def _migrate(database: str | None) -> list[dict[str, Any]]:
    from crm_core.db.migrate import migrate as run
    from crm_core.errors import CrmError
    from crm_core.plugin_host.fingerprint import before_migration, keep_migrated
    from crm_core.plugin_host.install import renew_rights

    url = settings_for(database).database_url
    try:
        before = before_migration(url)
        report = run(url)
        renew_rights(url)
        keep_migrated(url, operator(), before)
    except CrmError as error:
        fail(error.message)
    return [{"schema": step.schema, "before": step.before, "after": step.after} for step in report.steps]


async def _make(runtime: Runtime, key: str, name: str, kind: str, currency: str) -> dict[str, str]:
    from crm_core.identity.tenants import furnished, system_actor

    tenant_id, operation = furnished(key, name, kind=kind, currency=currency)
    made = await runtime.run(system_actor(tenant_id), operation)
    return {"tenant": made.key, "tenant_id": str(made.tenant_id), "api_key": made.api_key}


def _show_made(made: dict[str, str], *, as_json: bool) -> None:
    text = (
        f"tenant {made['tenant']} ({made['tenant_id']})\n"
        f"API key of its administrator, shown only now: {made['api_key']}"
    )
    show(made, text, as_json=as_json)
