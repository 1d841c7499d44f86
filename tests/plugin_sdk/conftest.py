"""Fixtures of the SDK's tests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.plugins import forget_plugins, write_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.plugins import MakePlugin


@pytest.fixture
def make_plugin(tmp_path: Path) -> Iterator[MakePlugin]:
    """Give a function that writes a plugin into the test's folder."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield partial(write_plugin, folder)
    forget_plugins(folder)
