"""The whole way: wheels of this checkout, cells, verdicts and exit codes, by the command line alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from tests.compat_tests.sample import ROOT, SCENARIO, core_wheels, project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

GOOD_TEST = "def test_it_is_good():\n    assert 'a b' == ' '.join(' a  b '.split())\n"
BAD_TEST = "def test_it_is_bad():\n    assert 1 == 2\n"
NO_TEST = "import pytest\n\n\n@pytest.mark.skip(reason='later')\ndef test_later():\n    pass\n"


def crm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line of this checkout."""
    return subprocess.run(
        [sys.executable, "-m", "crm_core.cli", "compat", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def run(
    baseline: Path, candidate: Path, out: Path, *plugins: Path, more: tuple[str, ...] = ()
) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the report."""
    chosen = [word for plugin in plugins for word in ("--plugin", str(plugin))]
    done = crm("run", *chosen, "--baseline", baseline, "--candidate", candidate, "--out", out, "--json", *more)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    return done.returncode, report


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build this checkout as it is."""
    return core_wheels(tmp_path_factory.mktemp("baseline"), "0.1.0")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, baseline: Path) -> Path:
    """Make a plugin with a test and a scenario, and record the scenario on the baseline."""
    folder = project(tmp_path_factory.mktemp("sample") / "sample", "sample", test=GOOD_TEST, scenario=SCENARIO)
    done = crm("record", folder / "scenarios", "--plugin", folder, "--core", baseline, "--out", folder.parent / "out")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_recording_asks_the_real_server(sample: Path) -> None:
    document = json.loads((sample / "scenarios" / "trim.json").read_text("utf-8"))
    created, read = document["steps"][0]["expect"], document["final"][0]["expect"]

    assert (created["status"], created["body"]["name"], created["body"]["id"]) == (201, "Ada AG", "${account}")
    assert (read["status"], read["body"]["created_at"]) == (200, "<time>")


def test_a_compatible_core(tmp_path: Path, baseline: Path, sample: Path) -> None:
    candidate = core_wheels(tmp_path / "candidate", "0.2.0")
    bare = project(tmp_path / "bare", "bare")
    failing = project(tmp_path / "failing", "failing", test=BAD_TEST)
    skipped = project(tmp_path / "skipped", "skipped", test=NO_TEST)

    code, report = run(baseline, candidate, tmp_path / "out", sample, bare, failing, skipped)

    verdicts = {one["name"]: one["verdict"] for one in report["plugins"]}
    assert verdicts == {"sample": "compatible", "bare": "not-run", "failing": "already-broken", "skipped": "unknown"}
    assert code == 3
    assert (report["baseline"]["version"], report["candidate"]["version"]) == ("0.1.0", "0.2.0")
    (first, *_) = report["plugins"]
    assert first["evidence"] == 4  # one test, and enabling, creating and reading in the scenario
    assert first["claims"]["sample"]["core"] == {"range": ">=0.1,<1", "version": "0.2.0", "fits": True}
    suites = ET.parse(tmp_path / "out" / "junit.xml").getroot()  # noqa: S314 - written by this run
    assert [suite.get("name", "").split(" (")[0] for suite in suites][:3] == [
        "verdicts",
        "sample on 0.1.0",
        "sample on 0.2.0",
    ]
    assert "✔ compatible" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_a_renamed_hook_argument(tmp_path: Path, baseline: Path, sample: Path) -> None:
    renamed = ("def record_normalize(ctx: Context, record_type: str, draft: Record)",
               "def record_normalize(ctx: Context, record_type: str, new_draft: Record)")  # fmt: skip
    candidate = core_wheels(tmp_path / "candidate", "0.2.0", {"plugin_sdk/hookspecs.py": renamed})

    code, report = run(baseline, candidate, tmp_path / "out", sample, more=("--only", "scenarios"))

    (plugin,) = report["plugins"]
    assert (code, plugin["verdict"]) == (1, "broken")
    assert plugin["cells"]["candidate again"]["state"] == "ran"
    assert "record_normalize" in plugin["reasons"][0]
    assert "draft" in plugin["reasons"][0]


def test_a_dropped_header(tmp_path: Path, baseline: Path, sample: Path) -> None:
    dropped = ("""headers = {"etag": f'"{row["version"]}"'}""", "headers: dict[str, str] = {}")
    candidate = core_wheels(tmp_path / "candidate", "0.2.0", {"crm_core/http/crud.py": dropped})

    code, report = run(baseline, candidate, tmp_path / "out", sample, more=("--only", "scenarios"))

    (plugin,) = report["plugins"]
    (first, *_) = plugin["broken"]
    assert (code, plugin["verdict"]) == (1, "broken")
    assert (first["cause"]["where"], first["cause"]["field"]) == ("POST /accounts", "$.headers.etag")
    assert (first["cause"]["expected"], first["cause"]["found"]) == ('"1"', "(missing)")


def test_a_core_that_cannot_be_installed_is_unknown(tmp_path: Path, baseline: Path, sample: Path) -> None:
    candidate = core_wheels(tmp_path / "candidate", "0.2.0")
    (candidate / "constraints.txt").write_text("sqlalchemy==0.0.1\n", "utf-8")

    code, report = run(baseline, candidate, tmp_path / "out", sample)

    (plugin,) = report["plugins"]
    assert (code, plugin["verdict"]) == (5, "unknown")
    assert "not built" in plugin["reasons"][0]
    assert plugin["cells"]["candidate"]["log"] in plugin["reasons"][0]


def test_what_is_not_understood_is_usage(tmp_path: Path, baseline: Path) -> None:
    done = crm("run", "--plugin", tmp_path, "--baseline", baseline, "--candidate", "9.9.9", "--out", tmp_path / "out")

    assert done.returncode == 2
    assert "neither a plugin's source folder (pyproject.toml) nor a folder of wheels" in done.stderr
