"""``crm serve``."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import ExitCode, fail
from crm_core.cli.session import Database, require_migrated, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes any free one.")] = 8000,
    workers: Annotated[int, typer.Option(help="How many processes serve.", min=1)] = 1,
    database: Database = None,
) -> None:
    """Serve the REST API and its documentation page (/docs)."""
    settings = settings_for(database)
    require_migrated(settings)
    try:
        listener = socket.create_server((host, port), backlog=1024)
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror or error}", ExitCode.ENVIRONMENT)
    if workers == 1:
        run_server(settings, listener, lambda: _announce(listener))
        return
    _supervise(settings, listener, workers)


def run_server(settings: Settings, listener: socket.socket, ready: Callable[[], None] | None = None) -> None:
    """Serve on a listening socket until the process is told to end; ``ready`` is called once it answers."""
    configure_logging(settings.log_level)
    asyncio.run(_serve(settings, listener, ready))


def configure_logging(level: str) -> None:
    """Write the log to standard error; ``CRM_LOG_LEVEL`` says from which level on."""
    names = logging.getLevelNamesMapping()
    if level.upper() not in names:
        fail(f"CRM_LOG_LEVEL={level}: write one of {', '.join(name.lower() for name in names)}", ExitCode.USAGE)
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


async def _serve(settings: Settings, listener: socket.socket, ready: Callable[[], None] | None) -> None:
    import uvicorn

    from crm_core.app import create_app
    from crm_core.runtime import Runtime

    runtime = await Runtime.open(settings)
    config = uvicorn.Config(create_app(runtime), log_level="warning", access_log=False, server_header=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    if ready is not None and server.started:
        ready()
    await task


def _announce(listener: socket.socket) -> None:
    address, port = listener.getsockname()[:2]
    typer.echo(f"listening on http://{address}:{port}")


def _supervise(settings: Settings, listener: socket.socket, workers: int) -> None:
    """Run several workers on one listening socket; a worker that dies is replaced."""
    import multiprocessing
    import signal
    from multiprocessing.connection import wait

    context = multiprocessing.get_context("spawn")
    stopping = False

    def stop(*_: Any) -> None:
        nonlocal stopping
        stopping = True
        for process in processes:
            process.terminate()

    def start() -> Any:
        process = context.Process(target=run_server, args=(settings, listener))
        process.start()
        return process

    processes = [start() for _ in range(workers)]
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _announce(listener)
    while processes:
        wait([process.sentinel for process in processes])
        for process in [each for each in processes if not each.is_alive()]:
            processes.remove(process)
            if not stopping:
                processes.append(start())
