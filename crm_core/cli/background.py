"""``crm outbox …``, ``crm jobs …``, ``crm audit …``: the work behind the requests, run by hand or by cron."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import ExitCode, show, table
from crm_core.cli.session import AsJson, Database, Tenant, tenant_id_of, with_runtime, with_tenant

if TYPE_CHECKING:
    from crm_core.runtime import Runtime

outbox_app = typer.Typer(no_args_is_help=True, help="Committed events on their way to plugins.")
jobs_app = typer.Typer(no_args_is_help=True, help="Plugins' scheduled jobs.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit trail and its hash chain.")

OneTenant = Annotated[str | None, typer.Option("--tenant", help="Only this tenant.")]


@outbox_app.command("relay")
def relay(
    once: Annotated[bool, typer.Option("--once", help="Deliver what is due and end.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Deliver committed events to the plugins that listen; without --once until interrupted."""
    from crm_core.outbox.relay import drain, relay_forever

    async def work(runtime: Runtime) -> Any:
        if once:
            return await drain(runtime)
        return await relay_forever(runtime, asyncio.Event(), runtime.settings.relay_seconds)

    report = with_runtime(database, work)
    if report is not None:
        counts = {name: getattr(report, name) for name in ("events", "deliveries", "failures", "parked")}
        show(counts, ", ".join(f"{count} {name}" for name, count in counts.items()), as_json=as_json)


@outbox_app.command("parked")
def list_parked(tenant: Tenant, database: Database = None, as_json: AsJson = False) -> None:
    """List events that a plugin failed on too often, with its last error."""
    from crm_core.outbox.parked import parked

    rows = [each._asdict() for each in with_tenant(database, tenant, parked)]
    columns = ["plugin", "topic", "record_id", "attempts", "parked_at", "last_error"]
    show(rows, table(rows, columns) if rows else "nothing is parked", as_json=as_json)


@outbox_app.command("retry")
def retry(plugin: str, tenant: Tenant, database: Database = None, as_json: AsJson = False) -> None:
    """Have the parked events of a plugin delivered again."""
    from crm_core.outbox.parked import retry_parked

    count = with_tenant(database, tenant, lambda scope: retry_parked(scope, plugin))
    show({"plugin": plugin, "events": count}, f"{count} events will be delivered to {plugin} again", as_json=as_json)


@jobs_app.command("run")
def run_jobs(
    once: Annotated[bool, typer.Option("--once", help="Run what is due and end.")] = False,
    plugin: Annotated[str | None, typer.Option(help="Only jobs of this plugin.")] = None,
    job: Annotated[str | None, typer.Option(help="Only the job of this name.")] = None,
    tenant: OneTenant = None,
    now: Annotated[bool, typer.Option("--now", help="Run also what is not due yet.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Run plugins' scheduled jobs; without --once until interrupted."""
    from crm_core.jobs.scheduler import jobs_forever, run_due

    async def work(runtime: Runtime) -> Any:
        if not once:
            return await jobs_forever(runtime, asyncio.Event(), 1.0)
        tenant_id = await tenant_id_of(runtime, tenant) if tenant else None
        return await run_due(runtime, plugin=plugin, job=job, tenant_id=tenant_id, force=now)

    report = with_runtime(database, work)
    if report is None:
        return
    rows = [run._asdict() for run in report.runs]
    show({"runs": rows}, table(rows, rows[0].keys()) if rows else "no job was due", as_json=as_json)
    if any(row.get("error") for row in rows):
        raise typer.Exit(ExitCode.FOUND)


@audit_app.command("seal")
def seal(database: Database = None, as_json: AsJson = False) -> None:
    """Chain the audit events that have no seal yet."""
    from crm_core.audit.sealer import seal as run

    report = with_runtime(database, run)
    show(
        {"tenants": report.tenants, "events": report.events},
        f"{report.events} events of {report.tenants} tenants sealed",
        as_json=as_json,
    )


@audit_app.command("verify")
def verify(tenant: OneTenant = None, database: Database = None, as_json: AsJson = False) -> None:
    """Check the hash chain; ends with 1 if a sealed event was changed, removed or moved."""

    async def work(runtime: Runtime) -> list[dict[str, Any]]:
        from crm_core.audit.verifier import verify as check
        from crm_core.identity.tenants import ALL_TENANTS

        def tenants(connection: Any) -> Any:
            return connection.fetch(ALL_TENANTS, {})

        rows = await runtime.database.run(tenants, tenant_id=None, write=False)
        wanted = await tenant_id_of(runtime, tenant) if tenant else None
        reports = []
        for tenant_id, key, *_ in rows:
            if wanted in (None, tenant_id):
                report = await check(runtime, tenant_id)
                found = {"sealed": report.sealed, "pending": report.pending, "problems": list(report.problems)}
                reports.append({"tenant": key, **found, "head": report.head})
        return reports

    reports = with_runtime(database, work)
    text = "\n".join(
        f"{each['tenant']}: {each['sealed']} sealed, {each['pending']} waiting, "
        + ("; ".join(each["problems"]) if each["problems"] else f"intact, head {each['head']}")
        for each in reports
    )
    show(reports, text, as_json=as_json)
    if any(each["problems"] for each in reports):
        raise typer.Exit(ExitCode.FOUND)
