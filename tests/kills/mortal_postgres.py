"""A PostgreSQL server of a test's own that can be killed and started again: `python -m tests.kills.mortal_postgres`.

A process of its own keeps it: it does what the lines on its standard input say, one at a time, and when that ends,
however the test ended, it stops the server and removes its files. No setting makes the server forgetful: what was
committed must be there after a kill.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import asyncpg

from tests.kills.processes import await_end, children, kill
from tests.support import postgres_keeper
from tests.support.postgres import APP_ROLE, SUPERUSER
from tests.support.postgres_binaries import find_server_binaries

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

_ROOT = Path(__file__).parents[2]
_PORT = 5432


@dataclass(slots=True)
class MortalPostgres:
    """The server as the test sees it; every method waits until its keeper has done it."""

    keeper: subprocess.Popen[str]
    directory: str
    password: str
    app_password: str

    @classmethod
    def start(cls) -> MortalPostgres:
        """Start one; it has an empty database ``crm`` that belongs to the application's role."""
        binaries = find_server_binaries()
        request = {
            "programs": str(binaries.directory),
            "portable": str(binaries.portable) if binaries.portable else None,
            "trees": binaries.trees,
            "superuser": SUPERUSER,
            "password": secrets.token_hex(16),
            "port": _PORT,
            "durable": True,
        }
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.mortal_postgres"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            start_new_session=True,
        )
        server = cls(keeper, "", str(request["password"]), secrets.token_hex(16))
        server.directory = server._ask(json.dumps(request))
        role = f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD '{server.app_password}'"
        statements = (role, f"CREATE DATABASE crm OWNER {APP_ROLE}")
        asyncio.run(_execute(server._url(SUPERUSER, server.password, "postgres"), statements))
        return server

    @property
    def url(self) -> str:
        """The URL of the application's role."""
        return self._url(APP_ROLE, self.app_password, "crm")

    @property
    def superuser_url(self) -> str:
        """The URL of a superuser, who sees every tenant's and every plugin's rows."""
        return self._url(SUPERUSER, self.password, "crm")

    def kill(self) -> None:
        """Kill the server with all of its processes at once."""
        self._ask("kill")

    def restart(self) -> None:
        """Start it again where it was killed; it recovers what was committed."""
        self._ask("start")

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of the processes that serve clients: the server ends all of them and recovers by itself."""
        self._ask(f"backend {chance.random()}")

    def close(self) -> None:
        """End it for good."""
        if self.keeper.stdin is not None and self.keeper.stdout is not None:
            self.keeper.stdin.close()
            self.keeper.wait(60)
            self.keeper.stdout.close()

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@/{database}?host={quote(self.directory)}&port={_PORT}"

    def _ask(self, line: str) -> str:
        if self.keeper.stdin is None or self.keeper.stdout is None:
            raise RuntimeError("the keeper of the PostgreSQL server was started without pipes")
        self.keeper.stdin.write(f"{line}\n")
        self.keeper.stdin.flush()
        answer = self.keeper.stdout.readline().rstrip("\n")
        if not answer:
            raise RuntimeError(
                f"the keeper of the PostgreSQL server ended at {line.split(maxsplit=1)[0]!r}; see its errors above"
            )
        return answer


async def _execute(url: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _keep(request: Mapping[str, Any], lines: Iterator[str]) -> None:
    account = postgres_keeper.server_account()
    with ExitStack() as undo:
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="crm-kills-")))
        directory.chmod(0o755)
        os.chown(directory, account.get("user", -1), account.get("group", -1))
        programs = postgres_keeper.reachable_programs(dict(request), directory, account)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        run = {**account, "cwd": directory, "env": {**environment, "LC_ALL": postgres_keeper.utf8_locale()}}
        # Where writing costs nothing: what a killed process has written is there, on no disk it would be safer.
        place = postgres_keeper.data_place(directory, durable=False)
        data = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="crm-kills-", dir=place)))
        os.chown(data, account.get("user", -1), account.get("group", -1))
        postgres_keeper.create_cluster(programs, data, dict(request), run)
        server = postgres_keeper.start_server(programs, data, dict(request), run)
        undo.callback(lambda: postgres_keeper.stop_server(server))
        _say(str(directory))
        for line in lines:
            word, _, chance = line.strip().partition(" ")
            if word == "kill":
                _kill_whole(server)
            elif word == "backend":
                _kill_backend(server.pid, float(chance))
            else:
                # What a killed server left there would look like the new one's word that it is ready.
                (data / "postmaster.pid").unlink(missing_ok=True)
                server = postgres_keeper.start_server(programs, data, dict(request), run)
            _say("done")


def _kill_whole(server: subprocess.Popen[bytes]) -> None:
    # Stopped first, so that it starts nobody new and does not see the others go.
    server.send_signal(signal.SIGSTOP)
    everybody = children(server.pid)
    kill([*everybody, server.pid])
    server.wait()
    await_end(everybody)


def _kill_backend(postmaster: int, chance: float) -> None:
    backends = [pid for pid in children(postmaster) if _serves_a_client(pid)]
    if backends:
        kill([backends[int(chance * len(backends))]])


def _serves_a_client(pid: int) -> bool:
    try:
        return f": {APP_ROLE} crm" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _keep(json.loads(sys.stdin.readline()), iter(sys.stdin.readline, ""))
