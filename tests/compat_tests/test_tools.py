from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from compat_tests.errors import CellTimeout, EnvironmentFailure
from compat_tests.tools import clean_environment, run

if TYPE_CHECKING:
    from pathlib import Path


def test_output_is_returned_and_logged(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log.txt"

    output = run([sys.executable, "-c", "print('done')"], log=log, seconds=60, cwd=tmp_path)

    assert output == "done\n"
    assert log.read_text("utf-8").endswith("done\n[exit code 0]\n\n")


def test_a_failure_says_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="no luck"):
        run([sys.executable, "-c", "raise SystemExit('no luck')"], log=tmp_path / "log", seconds=60, cwd=tmp_path)


def test_what_takes_too_long_is_ended_and_told(tmp_path: Path) -> None:
    line = [sys.executable, "-c", "import time; time.sleep(600)"]

    with pytest.raises(CellTimeout, match=r"took more than 0\.2 s"):
        run(line, log=tmp_path / "log", seconds=0.2, cwd=tmp_path)
    assert "[ended after 0.2 s]" in (tmp_path / "log").read_text("utf-8")


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="there is no program no-such-program"):
        run(["no-such-program"], log=tmp_path / "log", seconds=1, cwd=tmp_path)


def test_nothing_of_ours_reaches_into_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "CRM_DATABASE_URL", "VIRTUAL_ENV", "PYTEST_ADDOPTS"):
        monkeypatch.setenv(name, "leak")

    environment = clean_environment(CRM_BACKGROUND="false")

    assert "leak" not in environment.values()
    assert (environment["PYTHONSAFEPATH"], environment["CRM_BACKGROUND"]) == ("1", "false")
