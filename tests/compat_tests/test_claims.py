from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compat_tests.claims import claims_of
from compat_tests.sources import CoreSource, PluginSource
from compat_tests.wheels import read_wheel
from tests.compat_tests.wheelhouse import core_folder, wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("range_", "version", "fits"),
    [(">=0.1,<1", "0.2.0", True), (">=0.1,<0.2", "0.2.0", False), ("^0.2", "0.2.0rc1", False), (">=x", "0.2.0", None)],
)
def test_a_range_is_compared_with_the_version(tmp_path: Path, range_: str, version: str, fits: object) -> None:
    folder = core_folder(tmp_path / "dist", version)
    manifest = f'[plugin]\nid = "p"\ncore = "{range_}"\nsdk = "*"\n'
    plugin = PluginSource("p", read_wheel(wheel(tmp_path, "p", "1.0", manifest=manifest)), None)
    core, sdk = (read_wheel(path) for path in sorted(folder.glob("*.whl")))

    claims = claims_of(plugin, CoreSource(version, core, sdk, None))

    assert claims["core"] == {"range": range_, "version": version, "fits": fits}
    assert claims["sdk"]["range"] == "*"
