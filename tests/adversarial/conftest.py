"""One world per database: a server that is attacked again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adversarial.world import opened
from tests.support.databases import clone_sqlite
from tests.support.postgres import clone_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.adversarial.world import World


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give a server with attacker and victim on a database of its own."""
    folder = tmp_path_factory.mktemp("world")
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        url = clone_sqlite(template, folder / "crm.db")
        with opened(folder, url, url, CRM_PLUGIN_TIER="in_process") as made:
            yield made
        return
    server = request.getfixturevalue("postgres_server")
    with clone_database(server, request.getfixturevalue("postgres_template")) as url:
        look = server.superuser_url(url.partition("?")[0].rsplit("/", 1)[1])
        with opened(folder, url, look, CRM_PLUGIN_TIER="in_process") as made:
            yield made
