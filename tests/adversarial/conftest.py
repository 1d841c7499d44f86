"""One world per database and tier: a server that is attacked again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from tests.adversarial.places import Templates, world_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.adversarial.places import Place
    from tests.adversarial.world import World
    from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Place:
    """Give the place that the test names."""
    return cast("Place", request.param)


@pytest.fixture(scope="module")
def world(place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give a server with attacker and victim at the place."""
    templates = Templates(
        lambda: cast("Path", request.getfixturevalue("sqlite_template")),
        lambda: cast("PostgresServer", request.getfixturevalue("postgres_server")),
        lambda: cast("str", request.getfixturevalue("postgres_template")),
    )
    with world_at(place, tmp_path_factory.mktemp("world"), templates) as made:
        yield made
