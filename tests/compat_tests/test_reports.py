from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import compat_tests
from compat_tests.cells import Subject
from compat_tests.environments import Environments
from compat_tests.installers import Pip
from compat_tests.model import Verdict
from compat_tests.reports import as_json, junit, markdown, table, write_reports
from compat_tests.running import Result, Run
from compat_tests.sources import PluginSource, Sources
from compat_tests.verdicts import exit_code, judge
from compat_tests.wheels import read_wheel
from tests.compat_tests.test_verdicts import FAIL, PASS, SKIP, cell
from tests.compat_tests.wheelhouse import core_folder, wheel

if TYPE_CHECKING:
    from compat_tests.model import Cell


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Make a run that has found every verdict."""
    sources = Sources(Pip(), tmp_path / "work", archive=tmp_path / "archive")
    cores = [sources.core(str(core_folder(tmp_path / version, version))) for version in ("0.1.0", "0.2.0")]
    made = Run(cores[0], cores[1], Environments(Pip(), python="3.11", cache=tmp_path / "cache"), tmp_path)
    cells: dict[str, tuple[Cell, Cell]] = {
        "fine": (cell(a=PASS), cell("2", a=PASS)),
        "hurt": (cell(a=PASS), cell("2", a=FAIL)),
        "sick": (cell(a=FAIL), cell("2", a=FAIL)),
        "dark": (cell(a=PASS), cell("2", a=SKIP)),
        "bare": (cell(), cell("2")),
    }
    for name, (before, after) in cells.items():
        manifest = f'[plugin]\nid = "{name}"\ncore = "^0.1"\n'
        plugin = PluginSource(name, read_wheel(wheel(tmp_path, name, "1.0.0", manifest=manifest)), None)
        before.subject = after.subject = name
        verdict = judge(before, after, has_checks=name != "bare")
        made.results.append(Result(Subject(name, (plugin,)), before, after, None, verdict))
    made.notes.append("uv is missing")
    return made


def test_the_table_has_icon_word_counts_claim_and_reason(run: Run) -> None:
    lines = table(run, 1).splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith(("fine ", "hurt ", "sick ", "dark ", "bare "))}

    counts = ["1/1", "→", "1/1", "none", "→", "none"]
    reason = ["out", "of", "range", "1", "checks", "pass"]
    assert rows["fine"].split() == ["fine", "1.0.0", "✔", "compatible", *counts, *reason]
    assert "✘ broken" in rows["hurt"]
    assert "POST /accounts: status 500, expected 200" in rows["hurt"]
    assert "◐ already-broken" in rows["sick"]
    assert "? unknown" in rows["dark"]
    assert "○ not-run" in rows["bare"]
    assert "note: uv is missing" in lines
    assert lines[-1] == (
        "1 compatible, 1 broken, 1 already-broken, 1 unknown, 1 not-run · 0 s · "
        "exit code 1: at least one plugin is broken by the candidate"
    )


def test_the_json_has_what_its_schema_requires(run: Run) -> None:
    schema = json.loads((Path(compat_tests.__file__).parent / "report.schema.json").read_text("utf-8"))
    report = as_json(run, exit_code([one.verdict for one in run.results]))

    assert report["exit_code"] == 1
    assert set(report) == set(schema["required"])
    for plugin in report["plugins"]:
        assert set(plugin) == set(schema["$defs"]["plugin"]["required"])
        for found in plugin["cells"].values():
            assert set(found) == set(schema["$defs"]["cell"]["required"])
    assert [plugin["verdict"] for plugin in report["plugins"]] == [
        *(str(one) for one in (Verdict.COMPATIBLE, Verdict.BROKEN, Verdict.ALREADY_BROKEN, Verdict.UNKNOWN)),
        str(Verdict.NOT_RUN),
    ]
    assert schema["$defs"]["plugin"]["properties"]["verdict"]["enum"] == [str(one) for one in Verdict]


def test_junit_counts_a_verdict_as_a_test(run: Run) -> None:
    root = ET.fromstring(junit(run))  # noqa: S314 - written by this run
    verdicts = {case.get("name"): [mark.tag for mark in case] for case in root[0]}

    assert verdicts == {"fine": [], "hurt": ["failure"], "sick": ["skipped"], "dark": ["error"], "bare": ["skipped"]}
    assert [suite.get("tests") for suite in root[1:3]] == ["2", "2"]
    assert len(root) == 11


def test_all_reports_are_written(run: Run, tmp_path: Path) -> None:
    write_reports(run, 1, tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["junit.xml", "report.json", "report.md"]
    assert (tmp_path / "out" / "report.md").read_text("utf-8") == markdown(run, 1)
    assert markdown(run, 1).count("\n| ") == 6
