"""A plugin's own tests, run in a cell against the installed wheels."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from compat_tests.errors import CellTimeout
from compat_tests.model import Cause, Check, Kind, Outcome
from compat_tests.tools import clean_environment, write

if TYPE_CHECKING:
    from pathlib import Path

    from compat_tests.environments import Prepared
    from compat_tests.sources import PluginSource

__all__ = ["run_tests"]

# pytest: all passed, some failed, none collected. Anything else is a failure of the run itself.
_RAN: Final = frozenset({0, 1, 5})
_LEFT_OUT: Final = (".*", "__pycache__", "src", "dist", "build", "scenarios")


def run_tests(plugin: PluginSource, prepared: Prepared, folder: Path, log: Path, seconds: float) -> list[Check]:
    """Run the tests of a plugin's project and return a check per test; its code itself stays out of the folder."""
    if plugin.project is None or not plugin.has_tests:
        return []
    suite, report = folder / f"suite-{plugin.id}", folder / f"tests-{plugin.id}.xml"
    shutil.rmtree(suite, ignore_errors=True)
    shutil.copytree(plugin.project, suite, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    report.unlink(missing_ok=True)
    line = [str(prepared.interpreter), "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(suite)]
    line += ["-c", str(suite / "pyproject.toml"), f"--junitxml={report}", "-o", "junit_family=xunit2"]
    try:
        done = subprocess.run(  # noqa: S603 - the line is our own
            [*line, str(suite / "tests")],
            env=clean_environment(HYPOTHESIS_STORAGE_DIRECTORY=str(folder / "hypothesis")),
            cwd=suite,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        write(log, line, str(error.stdout or ""), f"ended after {seconds:g} s")
        raise CellTimeout(f"the tests of {plugin.id} took more than {seconds:g} s") from error
    write(log, line, done.stdout, f"exit code {done.returncode}")
    return _checks(plugin.id, report, done)


def _checks(plugin: str, report: Path, done: subprocess.CompletedProcess[str]) -> list[Check]:
    checks = [_check(plugin, case) for case in _cases(report)]
    executed = sum(check.outcome is not Outcome.SKIP for check in checks)
    problem = None
    if done.returncode not in _RAN:
        problem = Cause(f"pytest ended with exit code {done.returncode}: {_last(done.stdout)}", f"tests of {plugin}")
    elif not executed:
        problem = Cause("no test was executed, and that is no pass", f"tests of {plugin}")
    outcome = Outcome.FAIL if problem and done.returncode not in _RAN else Outcome.SKIP if problem else Outcome.PASS
    return [Check(Kind.LOAD, f"{plugin}: tests can be collected", outcome, problem), *checks]


def _cases(report: Path) -> list[ET.Element]:
    return list(ET.parse(report).iter("testcase")) if report.is_file() else []  # noqa: S314 - as the import


def _check(plugin: str, case: ET.Element) -> Check:
    name = f"{plugin} test {case.get('classname', '')}::{case.get('name', '')}".replace(" ::", " ")
    for tag in ("failure", "error"):
        found = case.find(tag)
        if found is not None:
            message = (found.get("message") or found.text or tag).strip().splitlines()[0][:500]
            return Check(Kind.TEST, name, Outcome.FAIL, Cause(message, f"test {case.get('name', '')}"))
    skipped = case.find("skipped")
    if skipped is not None:
        return Check(Kind.TEST, name, Outcome.SKIP, Cause(skipped.get("message") or "skipped"))
    return Check(Kind.TEST, name, Outcome.PASS)


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(("E ", "ERROR"))), lines[-1] if lines else "no output")
