"""Random histories of plugin and core operations, compared with a model after every step.

A few on every run, the same each time; with CRM_FULL=1 more, and others each time.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.actors import write_actor, write_needy
from tests.histories.machine import VERSIONS, Histories
from tests.histories.world import World
from tests.support.databases import clone_sqlite
from tests.support.plugins import forget_plugins
from tests.support.postgres import clone_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.postgres import PostgresServer

_FULL = os.environ.get("CRM_FULL") == "1"
_EXAMPLES, _STEPS = (100, 40) if _FULL else (6, 12)


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[dict[str, Discovered]]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield {**{version: write_actor(folder, version) for version in VERSIONS}, "needy": write_needy(folder)}
    forget_plugins(folder)


def _play(open_world: Callable[[], tuple[World, str, Callable[[], object]]], packages: dict[str, Discovered]) -> None:
    # Any callable that makes a machine will do, though only classes are declared.
    machine: Any = partial(Histories, open_world, packages)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=_STEPS,
            deadline=None,
            derandomize=not _FULL,
            database=None,
            # Shortening a history that failed takes many times as long as finding it.
            phases=(Phase.generate,),
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_on_sqlite(sqlite_template: Path, packages: dict[str, Discovered], tmp_path: Path) -> None:
    numbers = count()

    def open_world() -> tuple[World, str, Callable[[], object]]:
        file = tmp_path / f"{next(numbers)}.db"
        url = clone_sqlite(sqlite_template, file)
        return World(url, tmp_path), url, file.unlink

    _play(open_world, packages)


@pytest.mark.slow
def test_on_postgresql(
    postgres_server: PostgresServer, postgres_template: str, packages: dict[str, Discovered], tmp_path: Path
) -> None:
    def open_world() -> tuple[World, str, Callable[[], object]]:
        context = clone_database(postgres_server, postgres_template)
        url = context.__enter__()
        database = urlsplit(url).path.removeprefix("/")
        return (
            World(url, tmp_path),
            postgres_server.superuser_url(database),
            partial(context.__exit__, None, None, None),
        )

    _play(open_world, packages)
