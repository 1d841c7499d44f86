"""``crm plugin …``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli import trust
from crm_core.cli.output import ExitCode, fail, show, table
from crm_core.cli.session import AsJson, Database, Tenant, operator, settings_for, with_runtime, with_tenant

if TYPE_CHECKING:
    from crm_core.records.scope import Scope
    from crm_core.runtime import Runtime

plugin_app = typer.Typer(no_args_is_help=True, help="Plugins: install, enable, upgrade, remove, trust.")
trust.add_commands(plugin_app)


@plugin_app.command("list")
def list_plugins(database: Database = None, as_json: AsJson = False) -> None:
    """List the plugins of this environment and database with their states and reasons."""
    rows = with_runtime(database, _overview)
    show(rows, table(rows, ["id", "version", "package_version", "state", "tier", "reason"]), as_json=as_json)


@plugin_app.command("show")
def show_plugin(name: str, database: Database = None, as_json: AsJson = False) -> None:
    """Show everything known of one plugin: state, manifest, tables, tenants."""
    from crm_core.plugins.details import details

    url = settings_for(database).database_url
    entry = next((row for row in with_runtime(database, _overview) if row["id"] == name), None)
    if entry is None:
        fail(f"there is no plugin {name!r}; crm plugin list shows those there are")
    entry |= details(url, name)
    text = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False, default=str)}" for key, value in entry.items())
    show(entry, text, as_json=as_json)


@plugin_app.command("check")
def check_plugin(path: Path, as_json: AsJson = False) -> None:
    """Check the manifest of a plugin: a crm-plugin.toml, a folder with one, or a wheel."""
    from crm_core.plugin_host.check import check_manifest

    problems = check_manifest(path)
    show({"problems": problems}, "\n".join(problems) or f"{path}: no problems", as_json=as_json)
    if problems:
        raise typer.Exit(ExitCode.FOUND)


@plugin_app.command("install")
def install_plugin(name: str, database: Database = None, as_json: AsJson = False) -> None:
    """Install a plugin whose package is in this environment: check it, migrate its tables, register it."""
    _install(name, database, as_json=as_json)


@plugin_app.command("upgrade")
def upgrade_plugin(name: str, database: Database = None, as_json: AsJson = False) -> None:
    """Bring an installed plugin to the version of its package."""
    _install(name, database, as_json=as_json)


@plugin_app.command("enable")
def enable_plugin(
    name: str,
    tenant: Tenant,
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value, repeatable.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Enable a plugin for a tenant; it works at once, without a restart."""
    from crm_core.plugins import service
    from crm_core.plugins.settings_text import settings_from_text

    def operate(scope: Scope) -> list[str]:
        given = settings_from_text(scope, name, setting) if setting else None
        return service.enable(scope, name, given)

    warnings = with_tenant(database, tenant, operate)
    text = "\n".join([f"{name} is enabled for {tenant}", *(f"warning: {warning}" for warning in warnings)])
    show({"plugin": name, "tenant": tenant, "enabled": True, "warnings": warnings}, text, as_json=as_json)


@plugin_app.command("disable")
def disable_plugin(name: str, tenant: Tenant, database: Database = None, as_json: AsJson = False) -> None:
    """Disable a plugin for a tenant; its data and settings stay."""
    from crm_core.plugins import service

    with_tenant(database, tenant, lambda scope: service.disable(scope, name))
    show({"plugin": name, "tenant": tenant, "enabled": False}, f"{name} is disabled for {tenant}", as_json=as_json)


@plugin_app.command("resume")
def resume_plugin(name: str, tenant: Tenant, database: Database = None, as_json: AsJson = False) -> None:
    """Call a plugin again that rests or is quarantined for a tenant because it failed too often."""
    from crm_core.plugins.resume import resume

    done = with_tenant(database, tenant, lambda scope: resume(scope, name))
    told = f"{name} is called again" if done["resumed"] else f"nothing was held against {name}"
    text = f"{told} for {tenant}; {done['deliveries']} events that waited for it are delivered"
    show({"plugin": name, "tenant": tenant, **done}, text, as_json=as_json)


@plugin_app.command("uninstall")
def uninstall_plugin(
    name: str,
    keep: Annotated[bool, typer.Option("--keep", help="Keep its data (the default).")] = False,
    export: Annotated[Path | None, typer.Option("--export", help="Write its data to this file, then drop it.")] = None,
    purge: Annotated[bool, typer.Option("--purge", help="Drop its data.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Take a plugin out for every tenant; works also when its package is gone."""
    from crm_core.errors import CrmError
    from crm_core.plugins.removal import remove

    if sum((keep, export is not None, purge)) > 1:
        fail("choose one of --keep, --export FILE and --purge", ExitCode.USAGE)
    try:
        done = remove(settings_for(database), name, export=export, purge=purge, actor=operator())
    except CrmError as error:
        fail(error.message)
    show(done, f"{name} is uninstalled; its data is {done['data']}", as_json=as_json)


@plugin_app.command("import")
def import_plugin_data(name: str, file: Path, database: Database = None, as_json: AsJson = False) -> None:
    """Bring back what ``crm plugin uninstall --export`` wrote; the plugin must be installed."""
    from crm_core.errors import CrmError
    from crm_core.plugins.removal import restore

    try:
        done = restore(settings_for(database), name, file, actor=operator())
    except CrmError as error:
        fail(error.message)
    show(done, f"{name}: {done['rows']} rows are back", as_json=as_json)


def _install(name: str, database: str | None, *, as_json: bool) -> None:
    from crm_core import __version__
    from crm_core.cli.session import require_migrated
    from crm_core.errors import CrmError
    from crm_core.plugin_host.discovery import discover
    from crm_core.plugin_host.install import install
    from crm_core.plugin_host.trust import tiers_for

    settings = settings_for(database)
    require_migrated(settings)
    try:
        found = discover()
        tiers = tiers_for(settings, found, name)
        manifest = install(
            settings.database_url,
            found,
            name,
            core_version=__version__,
            actor=operator(),
            tiers=tiers,
            settings=settings,
        )
    except CrmError as error:
        fail(error.message)
    done = {"plugin": manifest.id, "version": manifest.version_text}
    show(done, f"{manifest.label} is installed; enable it per tenant with crm plugin enable {name}", as_json=as_json)


async def _overview(runtime: Runtime) -> list[dict[str, Any]]:
    from crm_core.plugins.listing import overview

    registry, found = runtime.host.registry, runtime.host.discovered.values()
    return await runtime.database.run(
        lambda connection: overview(connection, registry, found), tenant_id=None, write=False
    )
