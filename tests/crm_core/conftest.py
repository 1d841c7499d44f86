"""Fixtures for tests of the core: a running application, and plugins of the test's own."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.app import BlockingClient, running
from tests.support.plugins import forget_plugins, write_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.plugins import MakePlugin


@pytest.fixture
def client(database_url: str) -> Iterator[BlockingClient]:
    """Give an administrator of a fresh tenant, once on each kind of database."""
    with asyncio.Runner() as runner:
        context = running(database_url)
        app = runner.run(context.__aenter__())
        try:
            yield BlockingClient(app, app.client(), runner)
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def make_plugin(tmp_path: Path) -> Iterator[MakePlugin]:
    """Give a function that writes a plugin; ``running(..., plugins=[...])`` installs and enables it."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield partial(write_plugin, folder)
    forget_plugins(folder)
