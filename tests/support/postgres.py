"""A real, private PostgreSQL for tests, and for developers: `python -m tests.support.postgres` prints a URL."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import asyncpg

from tests.support import postgres_keeper
from tests.support.postgres_binaries import ServerBinaries, find_server_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APP_ROLE = "crm_app_test"
SUPERUSER = "crm_fixture"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One running server. It lives until the last process that opened it from the same state directory is gone."""

    directory: Path
    data: Path
    pid: int
    port: int
    app_password: str
    superuser_password: str
    state: Path
    hold: int

    @classmethod
    def open(cls, state: Path, binaries: ServerBinaries | None = None, *, durable: bool = False) -> Self:
        """Join the server of this state directory or start it; `durable` keeps fsync and its relatives on.

        Every process that shares a state directory shares one server, so give a durable server its own.
        """
        mutex = postgres_keeper.lock(state / "start.lock", fcntl.LOCK_EX)
        # Waits here while the keeper of an earlier server is still tidying up.
        hold = postgres_keeper.lock(state / "users.lock", fcntl.LOCK_SH)
        try:
            file = state / "server.json"
            if file.exists():
                return cls._from_json(file.read_text(), state, hold)
            return cls._start(state, hold, binaries or find_server_binaries(), durable=durable)
        except BaseException:
            os.close(hold)
            raise
        finally:
            os.close(mutex)

    @classmethod
    def _start(cls, state: Path, hold: int, binaries: ServerBinaries, *, durable: bool) -> Self:
        # A developer's PGPORT is what drivers use when a URL names no port, so the server listens there.
        shared = {"port": int(os.environ.get("PGPORT", "5432")), "superuser_password": secrets.token_hex(16)}
        request = {
            "state": str(state),
            "programs": str(binaries.directory),
            "portable": str(binaries.portable) if binaries.portable else None,
            "trees": binaries.trees,
            "superuser": SUPERUSER,
            "password": shared["superuser_password"],
            "port": shared["port"],
            "durable": durable,
        }
        command = [sys.executable, "-I", postgres_keeper.__file__]
        answer = subprocess.run(command, input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=True)
        report = json.loads(answer.stdout or '{"error": "the keeper ended without a report"}')
        if "error" in report:
            raise RuntimeError(f"the test server of {binaries.directory} did not start: {report['error']}")
        text = json.dumps({**shared, **report, "app_password": secrets.token_hex(16)})
        server = cls._from_json(text, state, hold)
        server.execute(f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD '{server.app_password}'")
        partial = state / "server.json.partial"
        partial.touch(mode=0o600)
        partial.write_text(text)
        partial.rename(state / "server.json")
        return server

    @classmethod
    def _from_json(cls, text: str, state: Path, hold: int) -> Self:
        values = json.loads(text)
        directory, data = Path(values.pop("directory")), Path(values.pop("data"))
        return cls(directory, data, **values, state=state, hold=hold)

    def url(self, database: str, driver: str | None = None) -> str:
        """Return the application role's URL; it is not a superuser. `driver` as SQLAlchemy names it: "asyncpg"."""
        return self._url(APP_ROLE, self.app_password, database, driver)

    def superuser_url(self, database: str, driver: str | None = None) -> str:
        """Return a superuser's URL, for fixtures that play the database administrator. Never for the product."""
        return self._url(SUPERUSER, self.superuser_password, database, driver)

    def _url(self, role: str, password: str, database: str, driver: str | None) -> str:
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{role}:{password}@/{database}?host={quote(str(self.directory))}"

    def execute(self, *statements: str) -> None:
        """Run statements as superuser in the database `postgres`, each in its own transaction."""
        asyncio.run(_execute(self.superuser_url("postgres"), statements))

    def close(self) -> None:
        """Stop using the server; the last user's close ends it."""
        os.close(self.hold)


async def _execute(url: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def build_template(server: PostgresServer, prepare: Callable[[str], None]) -> str:
    """Create a database, let `prepare` fill it through its URL, close it to connections and return its name."""
    name = f"crm_template_{secrets.token_hex(6)}"
    server.execute(f"CREATE DATABASE {name} OWNER {APP_ROLE}")
    prepare(server.url(name))
    server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    return name


@contextmanager
def clone_database(server: PostgresServer, template: str, strategy: str = "file_copy") -> Iterator[str]:
    """Yield the URL of a fresh copy of the template and drop it afterwards, whoever is still connected.

    `file_copy` is the faster strategy without fsync: 25 against 44 ms for 60 tables in memory, and no slower on disk.
    A copy has everything inside the database, but not the rights on the database itself (GRANT … ON DATABASE) nor
    its ALTER DATABASE … SET values: PostgreSQL keeps those outside. Roles are shared by the whole server.
    """
    name = f"crm_test_{secrets.token_hex(6)}"
    server.execute(f"CREATE DATABASE {name} OWNER {APP_ROLE} TEMPLATE {template} STRATEGY {strategy}")
    try:
        yield server.url(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def main() -> None:
    """Start a server, print its URL and keep it until Ctrl-C or SIGTERM."""
    awaited = {signal.SIGINT, signal.SIGTERM}
    with tempfile.TemporaryDirectory(prefix="crm-pg-state-") as state:
        server = PostgresServer.open(Path(state))
        signal.pthread_sigmask(signal.SIG_BLOCK, awaited)  # after the start: the server must not inherit it
        sys.stdout.write(f"{server.url('postgres')}\n")
        sys.stdout.flush()
        signal.sigwait(awaited)
        server.close()
        os.close(postgres_keeper.lock(Path(state) / "keeper.lock", fcntl.LOCK_EX))


if __name__ == "__main__":
    main()
