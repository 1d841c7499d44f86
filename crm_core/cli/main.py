"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from crm_core import __version__
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
app.add_typer(tenant_app, name="tenant")
app.add_typer(key_app, name="key")
app.add_typer(plugin_app, name="plugin")


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,  # noqa: ARG001 - the callback acts on it
) -> None:
    """A CRM core that plugins extend without touching it."""


def main() -> None:
    """Run the command line."""
    app()
