"""Reports of a run: a table for people, JSON for programs, Markdown for a summary, JUnit XML for CI."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final

from compat_tests.claims import claims_of
from compat_tests.model import Kind, Outcome, Verdict
from compat_tests.verdicts import EXIT_CODES

if TYPE_CHECKING:
    from pathlib import Path

    from compat_tests.model import Cell, Check
    from compat_tests.running import Result, Run
    from compat_tests.sources import CoreSource

__all__ = ["as_json", "junit", "markdown", "table", "write_reports"]

FORMAT: Final = 1
_HEAD: Final = ("PLUGIN", "VERSION", "VERDICT", "TESTS", "SCENARIO STEPS", "CLAIM", "WHY")


def as_json(run: Run, code: int) -> dict[str, Any]:
    """Return the run as the document of README.md's section on the report."""
    return {
        "format": FORMAT,
        "baseline": _core(run.baseline),
        "candidate": _core(run.candidate),
        "exit_code": code,
        "exit_meaning": EXIT_CODES[code],
        "seconds": run.seconds,
        "notes": run.notes,
        "plugins": [_plugin(run, result) for result in run.results],
    }


def table(run: Run, code: int) -> str:
    """Return the matrix with icon and word, then the causes."""
    rows = [_HEAD, *(_row(run, result) for result in run.results)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_HEAD) - 1)]
    lines = [f"baseline {run.baseline.label} → candidate {run.candidate.label}", ""]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    for result in run.results:
        lines += _details(result)
    counts = [sum(one.verdict.verdict is verdict for one in run.results) for verdict in Verdict]
    summary = ", ".join(f"{number} {verdict}" for number, verdict in zip(counts, Verdict, strict=True))
    notes = [f"note: {note}" for note in run.notes]
    return "\n".join([*lines, "", *notes, f"{summary} · {run.seconds:g} s · exit code {code}: {EXIT_CODES[code]}"])


def markdown(run: Run, code: int) -> str:
    """Return the run as Markdown."""
    lines = [f"# Compatibility: {run.baseline.label} → {run.candidate.label}", "", EXIT_CODES[code] + ".", ""]
    head = [name.capitalize() for name in _HEAD]
    lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', '¦') for cell in _row(run, result))} |" for result in run.results]
    for result in run.results:
        details = _details(result)
        lines += (
            ["", f"## {result.subject.name}", "", "```", *(line for line in details if line), "```"] if details else []
        )
    lines += ["", *(f"Note: {note}." for note in run.notes)] if run.notes else []
    return "\n".join([*lines, ""])


def junit(run: Run) -> bytes:
    """Return JUnit XML: a test suite per cell, and one with a test case per verdict."""
    root = ET.Element("testsuites", name="crm compat run")
    verdicts = ET.SubElement(root, "testsuite", name="verdicts", tests=str(len(run.results)))
    for result in run.results:
        case = ET.SubElement(verdicts, "testcase", classname="verdict", name=result.subject.name)
        _mark(case, result.verdict.verdict, "; ".join(result.verdict.reasons))
    for result in run.results:
        for cell in _cells(result).values():
            _suite(root, cell)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def write_reports(run: Run, code: int, folder: Path) -> None:
    """Write all reports into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(as_json(run, code), indent=2, ensure_ascii=False, default=str)
    (folder / "report.json").write_text(document + "\n", "utf-8")
    (folder / "report.md").write_text(markdown(run, code), "utf-8")
    (folder / "junit.xml").write_bytes(junit(run))


def _core(core: CoreSource) -> dict[str, Any]:
    hashes = {wheel.path.name: wheel.sha256 for wheel in (core.core, core.sdk)}
    return {
        "version": core.core.version,
        "sdk": core.sdk.version,
        "sha256": hashes,
        "pinned": core.constraints is not None,
    }


def _plugin(run: Run, result: Result) -> dict[str, Any]:
    verdict = result.verdict
    return {
        "name": result.subject.name,
        "plugins": {
            one.id: {"version": one.wheel.version, "sha256": one.wheel.sha256} for one in result.subject.installed
        },
        "verdict": str(verdict.verdict),
        "meaning": verdict.verdict.sentence,
        "reasons": list(verdict.reasons),
        "evidence": verdict.evidence,
        "broken": [_failure(check) for check in verdict.broken],
        "failing_on_both": [_failure(check) for check in verdict.failing_on_both],
        "fixed": list(verdict.fixed),
        "noisy": list(verdict.noisy),
        "additions": list(verdict.additions),
        "claims": {one.id: claims_of(one, run.candidate) for one in result.subject.plugins},
        "cells": {role: _cell(cell) for role, cell in _cells(result).items()},
    }


def _failure(check: Check) -> dict[str, Any]:
    return {"check": check.name, "kind": str(check.kind), "cause": check.cause.as_json() if check.cause else None}


def _cell(cell: Cell) -> dict[str, Any]:
    counts = {str(kind): {str(one): cell.count(kind, one) for one in Outcome} for kind in Kind}
    shown: dict[str, Any] = {"core": cell.core, "state": str(cell.state), "reason": cell.reason, "log": cell.log}
    return shown | {"seconds": cell.seconds, "notes": cell.notes, "counts": counts}


def _cells(result: Result) -> dict[str, Cell]:
    cells = {"baseline": result.baseline, "candidate": result.candidate}
    return cells | ({"candidate again": result.again} if result.again else {})


def _row(run: Run, result: Result) -> tuple[str, ...]:
    verdict = result.verdict.verdict
    versions = ", ".join(plugin.wheel.version for plugin in result.subject.plugins)
    why = result.verdict.reasons[0] if result.verdict.reasons else verdict.sentence
    counts = [_counted(result, kind) for kind in (Kind.TEST, Kind.SCENARIO)]
    return (result.subject.name, versions, f"{verdict.icon} {verdict}", *counts, _claim(run, result), why)


def _counted(result: Result, kind: Kind) -> str:
    """Return ``passed/all`` of both cells, or the word for nothing."""
    shown = []
    for cell in (result.baseline, result.candidate):
        total = sum(cell.count(kind, outcome) for outcome in Outcome)
        shown.append(f"{cell.count(kind, Outcome.PASS)}/{total}" if total else "none")
    return " → ".join(shown)


def _claim(run: Run, result: Result) -> str:
    fits = [one["fits"] for plugin in result.subject.plugins for one in claims_of(plugin, run.candidate).values()]
    return "unreadable" if None in fits else "in range" if all(fits) else "out of range"


def _details(result: Result) -> list[str]:
    verdict = result.verdict
    lines: list[str] = []
    for title, checks in (("broken", verdict.broken), ("fails on both", verdict.failing_on_both)):
        for check in checks[:3]:
            lines.append(f"  {title}: {check.name}")
            if check.cause:
                hooks = f" [hooks: {', '.join(check.cause.hooks)}]" if check.cause.hooks else ""
                lines.append(f"    {check.cause.message}{hooks}")
    lines += [f"  new in answers: {one}" for one in verdict.additions[:3]]
    lines += [f"  works only on the candidate: {one}" for one in verdict.fixed[:3]]
    lines += (
        [f"  log: {cell.log}" for cell in _cells(result).values()] if verdict.verdict is not Verdict.COMPATIBLE else []
    )
    notes = dict.fromkeys([*result.baseline.notes, *result.candidate.notes])
    lines += [f"  note: {note}" for note in notes]
    return ["", f"{result.subject.name}:", *lines] if lines else []


def _suite(root: ET.Element, cell: Cell) -> None:
    failures = sum(check.outcome is Outcome.FAIL for check in cell.checks)
    skipped = sum(check.outcome is Outcome.SKIP for check in cell.checks)
    suite = ET.SubElement(root, "testsuite", name=f"{cell.subject} on {cell.core}")
    for name, value in (
        ("tests", len(cell.checks)),
        ("failures", failures),
        ("skipped", skipped),
        ("time", cell.seconds),
    ):
        suite.set(name, str(value))
    for check in cell.checks:
        case = ET.SubElement(suite, "testcase", classname=str(check.kind), name=check.name)
        text = check.cause.text if check.cause else ""
        if check.outcome is Outcome.FAIL:
            ET.SubElement(case, "failure", message=_xml(text))
        elif check.outcome is Outcome.SKIP:
            ET.SubElement(case, "skipped", message=_xml(text))


def _mark(case: ET.Element, verdict: Verdict, reason: str) -> None:
    if verdict is Verdict.BROKEN:
        ET.SubElement(case, "failure", message=_xml(reason), type=str(verdict))
    elif verdict is Verdict.UNKNOWN:
        ET.SubElement(case, "error", message=_xml(reason), type=str(verdict))
    elif verdict is not Verdict.COMPATIBLE:
        ET.SubElement(case, "skipped", message=_xml(f"{verdict}: {reason}"))


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(one for one in text if one in "\t\n" or ord(one) >= ord(" "))
