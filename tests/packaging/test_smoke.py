from __future__ import annotations

import importlib
import pkgutil
import sys

import pytest

from tests.packaging.distributions import workspace

PACKAGES = [package.name for distribution in workspace() for package in distribution.packages]


@pytest.mark.smoke
@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_imports_without_a_warning(package: str) -> None:
    root = importlib.import_module(package)

    names = [module.name for module in pkgutil.walk_packages(root.__path__, f"{package}.")]
    # A __main__ would start its program.
    for name in (name for name in names if not name.endswith(".__main__")):
        importlib.import_module(name)

    assert package in sys.modules
    assert {name for name in names if not name.endswith(".__main__")} <= set(sys.modules)
