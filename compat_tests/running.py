"""A whole run: subjects times two cores, in parallel, with a second look at every regression."""

from __future__ import annotations

import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from compat_tests.cells import Subject, run_cell
from compat_tests.errors import SourceError
from compat_tests.model import CellState
from compat_tests.verdicts import judge, regressions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compat_tests.environments import Environments
    from compat_tests.model import Cell, VerdictOf
    from compat_tests.sources import CoreSource, PluginSource

__all__ = ["LAYERS", "Result", "Run", "subjects_of"]

LAYERS: Final = frozenset({"tests", "scenarios"})


@dataclass(frozen=True, slots=True)
class Result:
    """One plugin set: its cells and its verdict."""

    subject: Subject
    baseline: Cell
    candidate: Cell
    again: Cell | None
    verdict: VerdictOf


@dataclass(slots=True)
class Run:
    """Two cores, the plugin sets, and what came of them."""

    baseline: CoreSource
    candidate: CoreSource
    environments: Environments
    folder: Path
    layers: frozenset[str] = LAYERS
    jobs: int = 2
    notes: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def execute(self, subjects: Sequence[Subject]) -> None:
        """Run every cell and judge; a candidate with regressions runs once more, because a flake is no verdict."""
        start = time.monotonic()
        with ThreadPoolExecutor(max_workers=max(1, self.jobs)) as pool:
            first = [pool.submit(self._cell, one, self.baseline, "baseline") for one in subjects]
            second = [pool.submit(self._cell, one, self.candidate, "candidate") for one in subjects]
            pairs = [(one.result(), other.result()) for one, other in zip(first, second, strict=True)]
            third = [
                pool.submit(self._cell, one, self.candidate, "candidate-again") if _regressed(*pair) else None
                for one, pair in zip(subjects, pairs, strict=True)
            ]
            again = [future.result() if future else None for future in third]
        for subject, (baseline, candidate), repeated in zip(subjects, pairs, again, strict=True):
            has_checks = _has_checks(subject, self.layers)
            verdict = judge(baseline, candidate, repeated, has_checks=has_checks)
            self.results.append(Result(subject, baseline, candidate, repeated, verdict))
        self.seconds = round(time.monotonic() - start, 2)

    def _cell(self, subject: Subject, core: CoreSource, role: str) -> Cell:
        # The same path every time: a path that leaks into an answer is then no difference between two runs.
        folder = self.folder / "cells" / re.sub(r"[^a-z0-9_-]+", "-", f"{subject.name}-{role}".lower())
        return run_cell(subject, core, self.environments, folder, layers=self.layers)


def subjects_of(plugins: Sequence[PluginSource], others: Sequence[PluginSource], *, together: bool) -> list[Subject]:
    """Return a subject per plugin, with the plugins it requires; ``together`` adds one with all of them."""
    known = {plugin.id: plugin for plugin in (*others, *plugins)}
    if len({plugin.id for plugin in plugins}) != len(plugins):
        raise SourceError("a plugin is named twice; name each once, and compare its versions in runs of their own")
    subjects = [Subject(plugin.id, (plugin,), _required(plugin, known)) for plugin in plugins]
    if together and len(plugins) > 1:
        inside = {plugin.id for plugin in plugins}
        required = {one.id: one for plugin in plugins for one in _required(plugin, known) if one.id not in inside}
        ordered = tuple(sorted(plugins, key=lambda plugin: len(_required(plugin, known))))
        subjects.append(Subject("all together", ordered, tuple(required.values())))
    return subjects


def clear(folder: Path) -> None:
    """Make the folder of a run, empty but for what a version-control system should know: to leave it alone."""
    shutil.rmtree(folder / "cells", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", "utf-8")


def _required(plugin: PluginSource, known: dict[str, PluginSource]) -> tuple[PluginSource, ...]:
    """Return what a plugin needs beside it, each after what it needs itself."""
    order: dict[str, PluginSource] = {}

    def visit(one: PluginSource, path: tuple[str, ...]) -> None:
        needed = [*(one.wheel.manifest.requires if one.wheel.manifest else ())]
        needed += [other for scenario in one.scenarios for other in scenario.plugins[:-1]]
        for name in dict.fromkeys(needed):
            if name in path:
                raise SourceError(f"plugins require each other: {' -> '.join([*path, name])}")
            if name not in known:
                raise SourceError(f"plugin {one.id} needs plugin {name}; name it with --with")
            visit(known[name], (*path, name))
            order.setdefault(name, known[name])

    visit(plugin, (plugin.id,))
    return tuple(order.values())


def _regressed(baseline: Cell, candidate: Cell) -> bool:
    ran = baseline.state is CellState.RAN and candidate.state is CellState.RAN
    return ran and bool(regressions(baseline, candidate))


def _has_checks(subject: Subject, layers: frozenset[str]) -> bool:
    tests = "tests" in layers and any(plugin.has_tests for plugin in subject.plugins)
    return tests or ("scenarios" in layers and any(plugin.scenarios for plugin in subject.plugins))
