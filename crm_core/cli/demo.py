"""``crm demo``."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from crm_core.cli.output import ExitCode, fail
from crm_core.cli.serve import run_server
from crm_core.cli.session import settings_for


def demo(
    port: Annotated[int, typer.Option(help="The port; if it is taken, any free one.")] = 8000,
    directory: Annotated[Path | None, typer.Option(help="Keep the database here; default: a temporary folder.")] = None,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the documentation page in a browser.")
    ] = True,
) -> None:
    """Make a database with demo data and every plugin of this environment, and serve it."""
    from crm_core.demo import prepare

    # Both are the usual end of a demo. By default SIGTERM would leave the temporary folder behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="crm-demo-") as temporary:
        folder = directory or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "demo.db"
        if file.exists():
            fail(f"{file} exists already; serve it with crm serve --database sqlite:///{file}", ExitCode.USAGE)
        settings = settings_for(f"sqlite:///{file}")
        made = prepare(settings, lambda line: typer.echo(f"  {line}"))
        listener = _listener(port)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        typer.echo(f"\n  API            {address}/api/v1\n  documentation  {address}/docs")
        typer.echo(f"  API key        {made.api_key}\n\n  KEY={made.api_key}")
        typer.echo(f'  curl -H "Authorization: Bearer $KEY" "{address}/api/v1/accounts?limit=2"\n\nCtrl-C ends it.')

        def ready() -> None:
            if open_page and sys.stdout.isatty():
                webbrowser.open(f"{address}/docs")

        run_server(settings, listener, ready)


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError:
        return socket.create_server(("127.0.0.1", 0), backlog=1024)
