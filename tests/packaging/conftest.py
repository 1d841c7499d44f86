from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging.distributions import Built, build, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping


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
