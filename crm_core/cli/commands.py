"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from crm_core import __version__
from crm_core.cli.background import audit_app, jobs_app, outbox_app
from crm_core.cli.compat import compat_app
from crm_core.cli.data import export_data, import_data
from crm_core.cli.demo import demo
from crm_core.cli.doctor import doctor
from crm_core.cli.harden import harden
from crm_core.cli.plugins import plugin_app
from crm_core.cli.serve import serve
from crm_core.cli.tenants import init, key_app, migrate, tenant_app

app = typer.Typer(
    name="crm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A CRM core that plugins extend without touching it.",
)
app.command()(init)
app.command()(migrate)
app.command()(serve)
app.command()(demo)
app.command()(doctor)
app.command()(harden)
app.command("import")(import_data)
app.command("export")(export_data)
app.add_typer(tenant_app, name="tenant")
app.add_typer(key_app, name="key")
app.add_typer(plugin_app, name="plugin")
app.add_typer(outbox_app, name="outbox")
app.add_typer(jobs_app, name="jobs")
app.add_typer(audit_app, name="audit")
app.add_typer(compat_app, name="compat")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A CRM core that plugins extend without touching it."""


def main() -> None:
    """Run the command line."""
    app()
