"""Fixtures for the whole test tree: real, prepared databases. Nothing is started for tests that ask for none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest

from tests.support import databases
from tests.support.postgres import PostgresServer, build_template, clone_database
from tests.support.postgres_binaries import PostgresNotFoundError, find_server_binaries, wheel_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.postgres_binaries import ServerBinaries


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Give the run's one server, shared by all pytest-xdist workers; without PostgreSQL the run ends, loudly."""
    yield from _server(tmp_path_factory, "postgres", find_server_binaries)


@pytest.fixture(scope="session")
def postgres18_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Give a server of the version in the wheel, for tests of what PostgreSQL does differently since 18."""
    yield from _server(tmp_path_factory, "postgres18", wheel_binaries)


def _server(
    tmp_path_factory: pytest.TempPathFactory, name: str, binaries: Callable[[], ServerBinaries]
) -> Iterator[PostgresServer]:
    base = tmp_path_factory.getbasetemp()
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    state = (base.parent if is_worker else base) / name
    state.mkdir(exist_ok=True)
    try:
        server = PostgresServer.open(state, binaries())
    except PostgresNotFoundError as error:
        if is_worker:  # a worker that exits loses its message; an error in every test that needs PostgreSQL does not
            raise
        pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Give the name of this process's prepared PostgreSQL database."""
    return build_template(postgres_server, databases.prepare_template)


@pytest.fixture(scope="session")
def postgres18_template(postgres18_server: PostgresServer) -> str:
    """Give the name of this process's prepared database on the server of the wheel."""
    return build_template(postgres18_server, databases.prepare_template)


@pytest.fixture
def postgres18_url(postgres18_server: PostgresServer, postgres18_template: str) -> Iterator[str]:
    """Give the URL of a database of this test's own on the server of the wheel, dropped afterwards."""
    with clone_database(postgres18_server, postgres18_template) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Give the URL of a PostgreSQL database of this test's own, dropped afterwards."""
    with clone_database(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give this process's prepared SQLite file."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    return databases.build_sqlite_template(file, databases.prepare_template)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the URL of a SQLite database of this test's own."""
    return databases.clone_sqlite(sqlite_template, tmp_path / "crm.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Run the test once on each kind of database; only the one in use is started."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    return cast("str", request.getfixturevalue(name))
