from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging.distributions import Built, build, workspace
from tests.packaging.environments import Environment, install
from tests.support.postgres import clone_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def every_built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Built]:
    """Build every distribution of the workspace, once."""
    return {
        distribution.name: build(distribution, tmp_path_factory.mktemp(distribution.name))
        for distribution in workspace()
    }


@pytest.fixture(params=[distribution.name for distribution in workspace()])
def built(request: pytest.FixtureRequest, every_built: Mapping[str, Built]) -> Built:
    """Hand out each built distribution in turn."""
    return every_built[request.param]


@pytest.fixture(scope="session")
def installed(every_built: Mapping[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install every wheel of the workspace into an empty environment, once."""
    wheels = [str(one.wheel) for one in every_built.values()]
    return install(tmp_path_factory.mktemp("installed"), wheels)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database in which nobody has made anything yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with clone_database(server, "template0", "wal_log") as url:
        yield url
