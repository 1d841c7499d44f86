from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from compat_tests.errors import EnvironmentFailure
from compat_tests.installers import Pip, Uv, choose_installer
from tests.compat_tests.wheelhouse import wheel

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def uv() -> Uv:
    """Use the uv that this repository's tests need anyway."""
    installer, notes = choose_installer()
    assert (installer.name, notes) == ("uv", [])
    return Uv(str(shutil.which("uv")))


def test_a_wheel_that_changed_in_place_is_never_the_old_one(uv: Uv, tmp_path: Path) -> None:
    found = []
    for number in (1, 2):
        path = wheel(tmp_path, "sample", "1.0", content=f"number = {number}\n")
        os.utime(path, (0, 0))
        interpreter = uv.environment(tmp_path / f"env{number}", PYTHON, tmp_path / "log")
        uv.wheels(interpreter, [path], tmp_path / "log")
        line = [str(interpreter), "-P", "-c", "import sample; print(sample.number)"]
        found.append(subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip())

    assert found == ["1", "2"]


def test_without_uv_it_is_pip_and_that_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    installer, notes = choose_installer()

    assert installer.name == "pip"
    assert "uv is not on the PATH" in notes[0]


def test_an_interpreter_that_is_not_there_is_a_failure_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"there is no python3\.99"):
        Pip().environment(tmp_path / "env", "3.99", tmp_path / "log")
