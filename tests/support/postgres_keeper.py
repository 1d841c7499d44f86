"""Run one private PostgreSQL server exactly as long as somebody uses it. A script; standard library only.

A user of the server holds a shared lock on `users.lock`. The kernel drops that lock when the user ends, however it
ends, SIGKILL included. The keeper waits for the exclusive lock: once it has it, nobody is left, and it stops the
server and removes its directory. (PR_SET_PDEATHSIG would not do: it is lost when the server changes its account.)
It holds `keeper.lock` for life, so whoever wants to see the end waits for that one.
"""

from __future__ import annotations

import fcntl
import json
import locale
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

_START_SECONDS = 60
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
_LOCALES = ("C.UTF-8", "en_US.UTF-8")
_ACCOUNTS = ("postgres", "nobody")
_RAM_PLACE = Path("/dev/shm")  # noqa: S108 - only ever holds a directory made by mkdtemp
_RAM_NEEDED = 2 * 1024**3


def lock(path: Path, operation: int) -> int:
    """Take a lock on this file and return the descriptor that holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, operation)
    return descriptor


def server_account() -> dict[str, Any]:
    """Return subprocess arguments for an unprivileged account: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError(
        f"PostgreSQL does not run as root and none of the accounts {_ACCOUNTS} exists; create one of them"
    )


def reachable_programs(request: dict[str, Any], directory: Path, account: dict[str, Any]) -> Path:
    """Return the programs' directory, copied beside the data if the account cannot execute them where they are."""
    programs = Path(request["programs"])
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, cwd=directory, **account)
    except PermissionError:
        if request["portable"] is None:
            raise
        copied = directory / "programs"
        for tree in request["trees"]:
            shutil.copytree(Path(request["portable"], tree), copied / tree, symlinks=True)
        return copied / programs.relative_to(request["portable"])
    return programs


def utf8_locale() -> str:
    """Return a UTF-8 locale this system has; plain C would leave letters such as Ä out of lower() and upper()."""
    for name in _LOCALES:
        try:
            locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            continue
        return name
    raise RuntimeError(f"none of the locales {_LOCALES} exists on this system; install one of them")


def data_place(directory: Path, *, durable: bool) -> Path:
    """Prefer a memory file system: a clone is some 500 small files, 25 ms there and up to 500 ms on a busy disk.

    A durable server stays on disk, a TMPDIR set by hand is obeyed, and the 64 MB a container gives by default is
    too small. Only data goes there: such places often forbid executing programs.
    """
    if durable or "TMPDIR" in os.environ or not os.access(_RAM_PLACE, os.W_OK | os.X_OK):
        return directory
    return _RAM_PLACE if shutil.disk_usage(_RAM_PLACE).free >= _RAM_NEEDED else directory


def create_cluster(programs: Path, data: Path, request: dict[str, Any], run: dict[str, Any]) -> None:
    """Run initdb. Every role, the superuser too, needs a password: tests of credentials must mean something."""
    secret = Path(run["cwd"], "superuser")
    secret.touch(mode=0o600)
    secret.write_text(request["password"])
    os.chown(secret, run.get("user", -1), run.get("group", -1))
    options = [f"--username={request['superuser']}", f"--pwfile={secret}", "--auth=scram-sha-256", "--no-sync"]
    options += ["--encoding=UTF8", f"--locale={run['env']['LC_ALL']}"]
    command: list[str | Path] = [programs / "initdb", "-D", data, *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, **run)
    secret.unlink()
    if done.returncode:
        raise RuntimeError(f"initdb failed in {data}: {done.stdout}{done.stderr}")


def start_server(programs: Path, data: Path, request: dict[str, Any], run: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start postgres on a socket in its working directory, without TCP, and return it once it accepts connections."""
    directory = Path(run["cwd"])
    options = ["listen_addresses=", f"unix_socket_directories={directory}", f"port={request['port']}"]
    options += ["max_connections=200", "timezone=UTC", "log_timezone=UTC", *(() if request["durable"] else _FAST)]
    command: list[str | Path] = [programs / "postgres", "-D", data, *(f"--{option}" for option in options)]
    log = directory / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **run)
    try:
        _wait_until_ready(server, data / "postmaster.pid", log)
    except BaseException:
        stop_server(server)
        raise
    return server


def _wait_until_ready(server: subprocess.Popen[bytes], pid_file: Path, log: Path) -> None:
    """Wait for the server to accept connections; if it ends or takes too long, show the end of its log."""
    deadline = time.monotonic() + _START_SECONDS
    while not _accepts_connections(pid_file):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"postgres did not start, its log {log} ends with: {log.read_text(errors='replace')[-4000:]}"
            )
        time.sleep(0.01)  # PostgreSQL offers nothing to wait on but this file; pg_ctl polls it too


def _accepts_connections(pid_file: Path) -> bool:
    """Read the eighth line of postmaster.pid, where the server writes its state."""
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    return [line.strip() for line in lines[7:8]] == ["ready"]


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """Stop at once (SIGQUIT is `pg_ctl stop -m immediate`): the data is thrown away anyway."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def keep(request: dict[str, Any], state: Path) -> None:
    """Start the server, report it on standard output, wait until nobody uses it, stop it, remove its files."""
    account = server_account()
    with ExitStack() as undo:
        undo.callback((state / "server.json").unlink, missing_ok=True)
        directory = _own_directory(Path(tempfile.gettempdir()), account, undo)
        # Others may reach the socket but not list the directory: passwords protect the server, not a folder's mode.
        directory.chmod(0o711)
        data = _own_directory(data_place(directory, durable=request["durable"]), account, undo)
        programs = reachable_programs(request, directory, account)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        run = {**account, "cwd": directory, "env": {**environment, "LC_ALL": utf8_locale()}}
        create_cluster(programs, data, request, run)
        server = start_server(programs, data, request, run)
        undo.callback(stop_server, server)
        report = {"directory": str(directory), "data": str(data), "pid": server.pid}
        os.write(1, json.dumps(report).encode())
        _release_standard_streams()
        lock(state / "users.lock", fcntl.LOCK_EX)


def _own_directory(parent: Path, account: dict[str, Any], undo: ExitStack) -> Path:
    """Make a private directory that belongs to the server's account and goes away with the keeper."""
    directory = Path(tempfile.mkdtemp(prefix="crm-pg-", dir=parent))
    undo.callback(shutil.rmtree, directory)
    os.chown(directory, account.get("user", -1), account.get("group", -1))
    return directory


def _release_standard_streams() -> None:
    """Let go of the caller's pipes: their end tells the caller that the report is complete."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


def main() -> None:
    """Read the request, leave the caller's session (Ctrl-C is not for us) and keep the server."""
    request = json.load(sys.stdin)
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    state = Path(request["state"])
    lock(state / "keeper.lock", fcntl.LOCK_EX)
    try:
        keep(request, state)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        os.write(1, json.dumps({"error": str(error)}).encode())


if __name__ == "__main__":
    main()
