"""What most commands need: settings, a runtime, a tenant."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import ExitCode, fail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar
    from uuid import UUID

    from crm_core.records.scope import Scope
    from crm_core.runtime import Runtime
    from crm_core.settings import Settings

    T = TypeVar("T")

Database = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///FILE or postgresql://…; default: CRM_DATABASE_URL or sqlite:///crm.db."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Tenant = Annotated[str, typer.Option("--tenant", help="The key of the tenant.")]


def settings_for(database: str | None, **overrides: Any) -> Settings:
    """Return the settings of a command."""
    from crm_core.settings import Settings

    return Settings.from_environment(database_url=database, **overrides)


def with_runtime(database: str | None, work: Callable[[Runtime], Awaitable[T]], *, plugins: bool = True) -> T:
    """Open a runtime on a migrated database, run ``work`` and close it; errors end the command in one line.

    Without ``plugins`` none is loaded, which takes a moment each: for work that none can have a part in.
    """
    from crm_core.errors import CrmError
    from crm_core.runtime import opened

    settings = settings_for(database)
    require_migrated(settings)

    async def run() -> T:
        async with opened(settings, discovered=None if plugins else ()) as runtime:
            return await work(runtime)

    try:
        return asyncio.run(run())
    except CrmError as error:
        fail(error.message)


def require_migrated(settings: Settings) -> None:
    """End the command if the database is not there or not at this version's schema."""
    from crm_core.db.migrate import LOCATIONS, current, script_directory
    from crm_core.db.urls import shown
    from crm_core.errors import CrmError

    url = shown(settings.database_url)
    try:
        at = current(settings.database_url)
    except CrmError as error:
        fail(error.message, ExitCode.ENVIRONMENT)
    except OSError as error:
        fail(f"the server of {url} does not answer: {error}", ExitCode.ENVIRONMENT)
    heads = {schema: script_directory(location).get_current_head() for schema, location in LOCATIONS.items()}
    if not any(at.values()):
        fail(f"{url} has no CRM database yet; run crm init", ExitCode.ENVIRONMENT)
    if at != heads:
        fail(
            f"{url} is at schema {at}, this version needs {heads}; run crm migrate",
            ExitCode.ENVIRONMENT,
        )


async def tenant_id_of(runtime: Runtime, key: str) -> UUID:
    """Return the id of a tenant by its key, or end the command naming those there are."""
    from crm_core.identity.tenants import ALL_TENANTS

    rows = await runtime.database.run(lambda connection: connection.fetch(ALL_TENANTS, {}), tenant_id=None, write=False)
    found: dict[str, UUID] = {row[1]: row[0] for row in rows}
    if key in found:
        return found[key]
    return fail(f"there is no tenant {key!r}; there are {', '.join(row[1] for row in rows) or 'none'}")


def with_tenant(database: str | None, tenant: str, operation: Callable[[Scope], T]) -> T:
    """Run an operation as the operator in one tenant."""

    async def work(runtime: Runtime) -> T:
        from crm_core.actors import system_actor

        tenant_id = await tenant_id_of(runtime, tenant)
        return await runtime.run(system_actor(tenant_id, operator()), operation)

    return with_runtime(database, work)


def operator() -> str:
    """Return who runs the command, for history and audit."""
    import getpass

    return f"operator {getpass.getuser()}"
