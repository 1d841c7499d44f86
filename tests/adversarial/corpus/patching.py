"""Patching, introspection, and what the process knows."""

from __future__ import annotations

import contextlib

from .registry import attack, loot


@attack()
def environment_variables(ctx, new, facts):
    """Read the environment of the process."""
    import os

    loot(dict(os.environ))


@attack()
def environment_of_parent(ctx, new, facts):
    """Read the environment of the parent process."""
    import os
    from pathlib import Path

    loot(Path(f"/proc/{os.getppid()}/environ").read_bytes())


@attack()
def database_file(ctx, new, facts):
    """Open the database past the core and write."""
    import sqlite3

    connection = sqlite3.connect(facts["database_file"], timeout=0.1)
    connection.execute("SELECT name FROM account").fetchall()
    loot(connection.execute("SELECT body FROM plg_victim__secret").fetchall())


@attack()
def database_network(ctx, new, facts):
    """Connect to the database server."""
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(facts["database_socket"])
        loot("host-secret: connected to the database server")


@attack()
def host_file(ctx, new, facts):
    """Read a file of the host."""
    from pathlib import Path

    loot(Path(facts["host_file"]).read_text())


@attack()
def write_host_file(ctx, new, facts):
    """Write a file beside the database."""
    from pathlib import Path

    Path(facts["host_file"]).with_name("planted").write_text("x")


@attack()
def import_the_core(ctx, new, facts):
    """Replace a function of the core."""
    import crm_core.records.create as create

    create.create = None


@attack()
def patch_permission_check(ctx, new, facts):
    """Switch the core's permission check off."""
    from crm_core.actors import Actor, Grant

    Actor.grant = lambda *_: Grant()


@attack()
def patch_json(ctx, new, facts):
    """Replace what the core encodes answers with."""
    import msgspec

    msgspec.json.encode = lambda *_: b"{}"


@attack()
def frames(ctx, new, facts):
    """Walk up the stack and change a caller's variables."""
    import sys

    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if type(value).__name__ == "UnitOfWork":
                value._staged.clear()
                value.connection.rollback()
                loot("host-secret: found the unit of work")
        frame = frame.f_back


@attack()
def traceback_frames(ctx, new, facts):
    """Find the core's objects in a traceback."""
    try:
        ctx.api.get("account", "nonsense")
    except Exception as error:
        step = error.__traceback__
        while step is not None:
            for value in step.tb_frame.f_locals.values():
                if type(value).__name__ in {"UnitOfWork", "Scope"}:
                    loot("host-secret: found", type(value).__name__)
            step = step.tb_next


@attack()
def all_objects(ctx, new, facts):
    """Look through all objects of the process for another tenant's secrets."""
    import gc

    loot([thing for thing in gc.get_objects() if type(thing).__name__ == "Settings"][:3])


@attack()
def signal_handlers(ctx, new, facts):
    """Replace the handler of SIGTERM."""
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "crm_core.isolation.worker.serving" not in __import__("sys").modules:
        loot("host-secret: the server ignores SIGTERM")


@attack()
def at_exit(ctx, new, facts):
    """Leave work for the end of the process."""
    import atexit

    atexit.register(lambda: None)


@attack()
def trace_function(ctx, new, facts):
    """Trace everything the thread does from now on."""
    import sys

    sys.setprofile(lambda *_: None)


@attack()
def listen_to_sqlalchemy(ctx, new, facts):
    """Listen to every statement of the process."""
    import sqlalchemy as sa

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", lambda *_: None)


@attack()
def builtins(ctx, new, facts):
    """Replace a builtin."""
    import builtins as names

    names.isinstance = lambda *_: True


@attack()
def start_process(ctx, new, facts):
    """Start a program."""
    import subprocess

    loot("host-secret:", subprocess.run(["/bin/echo", "started"], capture_output=True, check=False).stdout)


@attack()
def fork(ctx, new, facts):
    """Fork the process."""
    import os

    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    loot("host-secret: forked")


@attack()
def network(ctx, new, facts):
    """Send data over the network."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"data", ("127.0.0.1", 9))
        loot("host-secret: sent")


@attack()
def trace_host(ctx, new, facts):
    """Read the memory of the server's process."""
    import os
    from pathlib import Path

    with contextlib.suppress(FileNotFoundError):
        memory = Path(f"/proc/{os.getppid()}/mem")
        with memory.open("rb") as stream:
            loot("host-secret:", stream.name)


@attack()
def kill_host(ctx, new, facts):
    """Ask the server's process to end."""
    import os
    import signal
    import sys

    host = os.getppid() if "crm_core.isolation.worker.serving" in sys.modules else os.getpid()
    os.kill(host, signal.SIGSTOP)


@attack()
def change_code_on_disk(ctx, new, facts):
    """Change a file of the core's package."""
    import sysconfig
    from pathlib import Path

    target = Path(sysconfig.get_paths()["purelib"]) / "planted_by_a_plugin.pth"
    target.write_text("")
    target.unlink()
    loot("host-secret: wrote into the packages")


@attack()
def ctypes_memory(ctx, new, facts):
    """Change memory by ctypes."""
    import ctypes

    number = 7
    ctypes.c_long.from_address(id(number) + 24).value = 7


@attack()
def core_by_name(ctx, new, facts):
    """Import the core and open a runtime of its own."""
    import os

    loot(os.environ["CRM_DATABASE_URL"])


@attack()
def log_injection(ctx, new, facts):
    """Write forged lines into the log."""
    ctx.log.warning("harmless\n2026-01-01 CRITICAL crm_core: forged")


@attack()
def logging_handlers(ctx, new, facts):
    """Silence the log of the core."""
    import logging

    logging.disable(logging.CRITICAL)


@attack()
def warnings_and_decimal(ctx, new, facts):
    """Change the arithmetic of the process."""
    import decimal

    decimal.getcontext().prec = 1
    decimal.DefaultContext.prec = 1


@attack()
def recursion_limit(ctx, new, facts):
    """Change the recursion limit of the process."""
    import sys

    sys.setrecursionlimit(60)
