"""Record scenarios: what a real server of a cell answers becomes what every later one must answer."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from compat_tests.console import Console
from compat_tests.errors import EnvironmentFailure, ScenarioError
from compat_tests.replay import record, replay
from compat_tests.scenario import Scenario, load_scenario, parse_scenario
from compat_tests.stages import TenantStage
from compat_tests.variables import MissingVariable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compat_tests.cells import Subject
    from compat_tests.environments import Environments
    from compat_tests.sources import CoreSource

__all__ = ["record_files"]


def record_files(
    files: Sequence[Path], subject: Subject, core: CoreSource, environments: Environments, folder: Path
) -> list[str]:
    """Fill in what the scenarios in files expect, and return a line per file; raise before any file is changed.

    Each is recorded once and replayed once, in tenants of their own: a recording that its own core does not repeat
    holds noise that no mark stands for, and would cry wolf for ever.
    """
    scenarios = [load_scenario(file) for file in files]
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    log = folder / "log.txt"
    prepared = environments.prepare(core, subject.installed, folder / "env", log)
    with Console(prepared, folder / "work", log) as console:
        _serve(console, subject)
        tried = [_try(console, scenario, number) for number, scenario in enumerate(scenarios, 1)]
    problems = [one for one in tried if isinstance(one, str)]
    if problems:
        raise ScenarioError("\n".join(problems))
    recorded = [one for one in tried if isinstance(one, Scenario)]
    for file, scenario in zip(files, recorded, strict=True):
        file.write_text(json.dumps(scenario.raw, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return [
        f"{file.name}: {len(scenario.steps)} steps recorded" for file, scenario in zip(files, recorded, strict=True)
    ]


def _serve(console: Console, subject: Subject) -> None:
    for arguments in (("init", "--json"), *(("plugin", "install", plugin.id) for plugin in subject.installed)):
        done = console.run(*arguments)
        if done.code != 0:
            raise EnvironmentFailure(f"crm {' '.join(arguments)}: exit code {done.code}: {done.last_line}")
    ended = console.serve()
    if ended:
        raise EnvironmentFailure(f"crm serve: exit code {ended.code}: {ended.last_line}")


def _try(console: Console, scenario: Scenario, number: int) -> Scenario | str:
    try:
        return _record(console, scenario, number)
    except ScenarioError as error:
        return str(error)


def _record(console: Console, scenario: Scenario, number: int) -> Scenario:
    stage = TenantStage(console, f"record{number}")
    try:
        expects = record(scenario, stage)
    except MissingVariable as error:
        raise ScenarioError(f"{scenario.source}: cannot be recorded: {error}") from error
    finally:
        stage.close()
    complete = parse_scenario(_filled(scenario, expects), scenario.source)
    again = TenantStage(console, f"replay{number}")
    failed = [check for check in replay(complete, again) if check.cause]
    again.close()
    if failed:
        lines = "\n".join(f"  {check.name}: {check.cause.text if check.cause else ''}" for check in failed)
        raise ScenarioError(f"{scenario.source}: the same core does not repeat what was recorded:\n{lines}")
    return complete


def _filled(scenario: Scenario, expects: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document with what each step expects, everything else as it was written."""
    document: dict[str, Any] = json.loads(json.dumps(scenario.raw))
    steps = [*document.get("steps", []), *document.get("final", [])]
    for step, expect in zip(steps, expects, strict=True):
        step["expect"] = expect
    return document
