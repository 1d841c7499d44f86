"""Import a file: batch by batch, each with the position it brings the import to in one transaction."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from crm_core.imports import progress
from crm_core.imports.batch import import_batch
from crm_core.imports.compiling import compile_mapping
from crm_core.imports.errors_file import errors_file
from crm_core.imports.reader import file_hash, opened
from crm_core.imports.statistics import Upkeep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from crm_core.imports.batch import Failure, Result
    from crm_core.imports.errors_file import Report
    from crm_core.imports.mapping import MappingFile
    from crm_core.imports.plan import Plan
    from crm_core.imports.progress import Run
    from crm_core.imports.reader import Misfit, Rows
    from crm_core.imports.rows import Done
    from crm_core.imports.templates import Row
    from crm_core.records.scope import Scope

    Operate = Callable[[Callable[[Scope], Any]], Awaitable[Any]]

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Request:
    """What to import and how. ``watch`` is called with the outcome so far and the bytes read after every batch."""

    file: Path
    mapping: MappingFile
    batch: int = 500
    dry_run: bool = False
    restart: bool = False
    errors: Path | None = None
    watch: Callable[[Outcome, int], None] = lambda _outcome, _bytes: None


@dataclass(slots=True)
class Outcome:
    """What became of a file: rows of this process, and those that an interrupted run had done before it."""

    dry_run: bool
    resumed_at: int = 0
    failed_before: int = 0
    rows: int = 0
    failed: int = 0
    done: Counter[Done] = field(default_factory=Counter)
    first_failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, result: Result) -> None:
        """Add a batch."""
        self.rows += result.rows
        self.failed += result.failed
        self.done.update(result.done)
        self.first_failures += result.failures[: _SHOWN - len(self.first_failures)]

    def count(self, what: str) -> int:
        """Return how many records were created, updated or unchanged."""
        return sum(number for (_, done), number in self.done.items() if done == what)


class _Undone(Exception):
    """Ends the transaction of a dry run."""


async def import_file(operate: Operate, request: Request) -> Outcome:
    """Import a file; ``operate`` runs a function of a scope and commits it.

    Raises MappingError before any row is read, and DatabaseError or Conflict with everything before that batch kept.
    """
    with opened(request.file, request.mapping.source) as rows:
        plan = await operate(lambda scope: compile_mapping(scope, request.mapping, rows.columns))
        if request.dry_run:
            return await _dry(operate, request, plan, rows)
        hashes = (request.mapping.hash, file_hash(request.file))
        run: Run = await operate(
            lambda scope: progress.begin(scope, request.file.name, *hashes, restart=request.restart)
        )
        outcome = Outcome(dry_run=False, resumed_at=run.position, failed_before=run.rows_failed)
        with errors_file(request.errors, resumed=run.position > 0) as report:
            await _batches(operate, request, plan, rows, run, outcome, report)
    return outcome


async def _batches(
    operate: Operate, request: Request, plan: Plan, rows: Rows, run: Run, outcome: Outcome, report: Report
) -> None:
    started = time.perf_counter()
    upkeep = Upkeep(plan)
    left = islice(iter(rows), run.position, None)
    while batch := list(islice(left, request.batch)):
        result, run = await operate(_step(plan, batch, run, report))
        outcome.add(result)
        outcome.seconds = time.perf_counter() - started
        request.watch(outcome, rows.bytes_read())
        if (analyze := upkeep.due(outcome.rows)) is not None:
            await operate(analyze)
    await operate(lambda scope: progress.finish(scope, run))


def _step(plan: Plan, batch: list[Row | Misfit], run: Run, report: Report) -> Callable[[Scope], tuple[Result, Run]]:
    def step(scope: Scope) -> tuple[Result, Run]:
        result = import_batch(scope, plan, batch)
        moved = progress.advance(scope, run, result)
        report(result.failures)
        return result, moved

    return step


async def _dry(operate: Operate, request: Request, plan: Plan, rows: Rows) -> Outcome:
    """Do everything in one transaction, so that later rows see what earlier ones would have made; then undo it."""
    outcome = Outcome(dry_run=True)

    def everything(scope: Scope) -> None:
        started = time.perf_counter()
        left: Iterator[Row | Misfit] = iter(rows)
        while batch := list(islice(left, request.batch)):
            result = import_batch(scope, plan, batch)
            report(result.failures)
            outcome.add(result)
            outcome.seconds = time.perf_counter() - started
            request.watch(outcome, rows.bytes_read())
        raise _Undone

    with errors_file(request.errors, resumed=False) as report, suppress(_Undone):
        await operate(everything)
    return outcome
