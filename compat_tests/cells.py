"""One cell: a plugin set on one core, from wheels to checks."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compat_tests.client import Client
from compat_tests.console import Console
from compat_tests.errors import CellTimeout, EnvironmentFailure, ServerGone
from compat_tests.model import Cause, Cell, CellState, Check, Kind, Outcome
from compat_tests.plugin_tests import run_tests
from compat_tests.replay import replay
from compat_tests.stages import TenantStage
from compat_tests.variables import replace

if TYPE_CHECKING:
    from pathlib import Path

    from compat_tests.console import Done
    from compat_tests.environments import Environments, Prepared
    from compat_tests.sources import CoreSource, PluginSource

__all__ = ["Subject", "run_cell"]

_TEST_SECONDS: Final = 900.0
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """A plugin set under test: the plugins that are judged, and those that they require."""

    name: str
    plugins: tuple[PluginSource, ...]
    required: tuple[PluginSource, ...] = ()

    @property
    def installed(self) -> tuple[PluginSource, ...]:
        """Return every plugin of the cell in the order of installation."""
        return (*self.required, *self.plugins)

    @property
    def has_checks(self) -> bool:
        """Say whether there is anything to run beyond loading."""
        return any(plugin.has_tests or plugin.scenarios for plugin in self.plugins)


def run_cell(
    subject: Subject,
    core: CoreSource,
    environments: Environments,
    folder: Path,
    *,
    layers: frozenset[str],
    test_seconds: float = _TEST_SECONDS,
) -> Cell:
    """Build and run a cell in its folder; whatever goes wrong on this machine's side is the cell's state."""
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    log = folder / "log.txt"
    cell = Cell(subject.name, core.label, log=str(log))
    try:
        prepared = environments.prepare(core, subject.installed, folder / "env", log)
    except EnvironmentFailure as error:
        cell.state, cell.reason = CellState.NOT_BUILT, str(error)
    else:
        _run(cell, subject, prepared, folder / "work", log, layers, test_seconds)
    cell.seconds = round(time.monotonic() - start, 2)
    return cell


def _run(
    cell: Cell, subject: Subject, prepared: Prepared, work: Path, log: Path, layers: frozenset[str], test_seconds: float
) -> None:
    try:
        with Console(prepared, work, log) as console:
            if _load(cell, subject, console) and "scenarios" in layers:
                _replay(cell, subject, console)
        if "tests" in layers:
            for plugin in subject.plugins:
                cell.checks += run_tests(plugin, prepared, work, log, test_seconds)
    except CellTimeout as error:
        cell.state, cell.reason = CellState.TIMED_OUT, str(error)
    except EnvironmentFailure as error:
        cell.state, cell.reason = CellState.ABORTED, str(error)


def _load(cell: Cell, subject: Subject, console: Console) -> bool:
    """Make a database, install the plugins, look whether they load, serve, enable; say whether all of it worked."""
    made = console.run("init", "--json")
    if made.code != 0:
        raise EnvironmentFailure(f"crm init failed, which no plugin has a part in: {made.last_line}")
    for plugin in subject.installed:
        done = console.run("plugin", "install", plugin.id, "--json")
        if not _add(cell, f"{plugin.id}: crm plugin install", done):
            return False
    listed = console.run("plugin", "list", "--json")
    rows = listed.json()
    states = {row.get("id"): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}
    loaded = [_loaded(cell, plugin.id, states.get(plugin.id, {}), listed) for plugin in subject.installed]
    if not all(loaded):
        return False
    ended = console.serve()
    cause = Cause(f"exit code {ended.code}: {ended.last_line}", "crm serve") if ended else None
    cell.checks.append(Check(Kind.LOAD, "crm serve listens", Outcome.FAIL if ended else Outcome.PASS, cause))
    return ended is None and _enable(cell, subject, console, str(made.json()["api_key"]))


def _enable(cell: Cell, subject: Subject, console: Console, key: str) -> bool:
    """Enable every plugin for the first tenant, with the settings of its first scenario: some have required ones."""
    client = Client(console.url, {"administrator": key}, lambda _: key)
    enabled = True
    for plugin in subject.installed:
        settings = next((one.raw["settings"] for one in plugin.scenarios if one.raw.get("settings")), None)
        path, body = f"/plugins/{plugin.id}/enable", {"settings": replace(settings, {})} if settings else {}
        try:
            answer = client.request("POST", path, role="administrator", body=body)
            cause = None if answer.status == _OK else Cause(f"status {answer.status}: {answer.body}", f"POST {path}")
        except ServerGone as error:
            cause = Cause(str(error), f"POST {path}")
        outcome = Outcome.FAIL if cause else Outcome.PASS
        cell.checks.append(Check(Kind.LOAD, f"{plugin.id}: can be enabled", outcome, cause))
        enabled = enabled and cause is None
    client.close()
    return enabled


def _replay(cell: Cell, subject: Subject, console: Console) -> None:
    number = 0
    for plugin in subject.plugins:
        for scenario in plugin.scenarios:
            number += 1
            if not scenario.is_recorded:
                cell.notes.append(f"{scenario.source} is not recorded yet: crm compat record")
                continue
            stage = TenantStage(console, f"scenario{number}")
            cell.checks += replay(scenario, stage)
            stage.close()


def _loaded(cell: Cell, plugin: str, row: dict[str, object], listed: Done) -> bool:
    state = row.get("state")
    reason = row.get("reason") or row.get("sentence") or listed.last_line
    cause = None if state == "loaded" else Cause(f"state {state or 'not listed'}: {reason}", "crm plugin list")
    cell.checks.append(
        Check(Kind.LOAD, f"{plugin}: crm plugin list says loaded", Outcome.FAIL if cause else Outcome.PASS, cause)
    )
    return cause is None


def _add(cell: Cell, name: str, done: Done) -> bool:
    cause = None if done.code == 0 else Cause(f"exit code {done.code}: {done.last_line}", name.partition(": ")[2])
    cell.checks.append(Check(Kind.LOAD, name, Outcome.FAIL if cause else Outcome.PASS, cause))
    return cause is None
