from __future__ import annotations

import os
from typing import TYPE_CHECKING

from crm_core.isolation.confinement import WALLS, confine, probe
from crm_core.isolation.confinement.report import Report
from tests.support.confined import child

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_probe_tells_what_a_worker_gets_and_leaves_the_caller_alone() -> None:
    report = probe()
    with child(confined=True) as each:
        assert (sorted(report.standing), dict(report.missing)) == (each.standing, each.missing)
    pid = os.posix_spawn("/bin/true", ["true"], {})
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_folder_of_a_plugin_that_others_cannot_read_is_told(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert "uid" in probe((str(private),)).missing


def test_a_probe_that_fails_says_so_for_every_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    report = probe()
    assert report.standing == frozenset()
    assert set(report.missing) == set(WALLS)
    assert {each.partition(":")[0] for each in report.missing.values()} == {"the process that tries the walls failed"}


def test_confine_and_report_are_what_the_package_offers() -> None:
    assert callable(confine)
    assert Report(frozenset(WALLS), {}).missing == {}
