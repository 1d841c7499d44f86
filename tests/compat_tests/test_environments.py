from __future__ import annotations

from typing import TYPE_CHECKING

from compat_tests.environments import requirements_of, without_hashes
from compat_tests.wheels import read_wheel
from tests.compat_tests.wheelhouse import wheel

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_asked_for_is_what_others_provide(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path, "crm-core", "0.1.0", "crm-plugin-sdk[db]>=0.1", "typer>=0.16", 'nope; extra == "docs"'),
        wheel(tmp_path, "crm-plugin-sdk", "0.1.0", "pluggy", 'sqlalchemy>=2; extra == "db"', 'fastapi; extra == "http"',
              'pytest>=9; extra == "testing"'),
        wheel(tmp_path, "crm-plugin-loyalty", "1.0.0", "crm-plugin-sdk[http]>=0.1", 'freezegun; extra == "test"'),
    ]  # fmt: skip

    wanted = requirements_of([read_wheel(path) for path in wheels])

    assert wanted == ["fastapi", "freezegun", "pluggy", "pytest>=9", "sqlalchemy>=2", "typer>=0.16"]


def test_an_extra_that_nobody_asks_for_is_left_out(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path, "crm-core", "0.1.0", "crm-plugin-sdk>=0.1"),
        wheel(tmp_path, "crm-plugin-sdk", "0.1.0", "pluggy", 'fastapi; extra == "http"'),
    ]

    assert requirements_of([read_wheel(path) for path in wheels]) == ["pluggy"]


def test_constraints_lose_their_hashes_only() -> None:
    hashes = "\\\n    --hash=sha256:aa \\\n    --hash=sha256:bb"
    text = f"# made by a tool\ntyper==0.16 {hashes}\n    # via x\nuvicorn==1 ; python_version > '3'\n"

    assert without_hashes(text) == "typer==0.16\nuvicorn==1 ; python_version > '3'\n"
