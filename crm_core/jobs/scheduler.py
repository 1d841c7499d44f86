"""Run plugins' scheduled jobs: each for every tenant that has its plugin enabled, never twice at one time.

``plat.job`` has one row per tenant, plugin and job, made when the job is first seen; the first run is due at once.
A process claims a row with a lease, renews the lease while the job runs, and gives it up with the result. A process
that dies leaves its lease to run out; then another one runs the job. The job's own work is one transaction, so what
a dead process had done of it is gone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crm_core.jobs import statements
from crm_core.jobs.repeat import repeat
from crm_core.plugin_host.guard import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import Any, TypeVar
    from uuid import UUID

    from crm_core.db.connection import Connection, Database
    from crm_core.db.statements import Statement
    from plugin_sdk import Context, Job

    T = TypeVar("T")

logger = logging.getLogger("crm_core.jobs")

_LEASE = dt.timedelta(minutes=10)
_RENEW_SECONDS = 120.0
_AT_ONCE = 4


class JobsRuntime(Protocol):
    """What the scheduler needs of the process it runs in."""

    @property
    def database(self) -> Database:
        """The database."""
        ...

    @property
    def jobs(self) -> Mapping[str, Sequence[Job]]:
        """The jobs of loaded plugins, by plugin id."""
        ...

    async def run_for_plugin(
        self, tenant_id: UUID, plugin: str, function: Callable[[Context], T], *, where: str = ...
    ) -> T:
        """Run a plugin's own work in a unit of work of its own; ``where`` names it in errors."""
        ...


class JobRun(NamedTuple):
    """One run of one job for one tenant; ``error`` is None where it went well."""

    tenant_id: UUID
    plugin: str
    name: str
    error: str | None


@dataclass(frozen=True, slots=True)
class JobsReport:
    """What has been run, in the order of tenants, plugins and names."""

    runs: tuple[JobRun, ...]

    @property
    def failed(self) -> tuple[JobRun, ...]:
        """The runs that ended with an error."""
        return tuple(run for run in self.runs if run.error is not None)


class _Task(NamedTuple):
    tenant_id: UUID
    plugin: str
    job: Job
    next_run_at: dt.datetime | None

    @property
    def key(self) -> dict[str, Any]:
        return {"key_tenant": self.tenant_id, "key_plugin": self.plugin, "key_name": self.job.name}


async def run_due(
    runtime: JobsRuntime,
    *,
    now: dt.datetime | None = None,
    plugin: str | None = None,
    job: str | None = None,
    tenant_id: UUID | None = None,
    force: bool = False,
) -> JobsReport:
    """Run every job that is due, or with ``force`` every job that the filters leave and nobody is running."""
    moment = now or dt.datetime.now(dt.UTC)

    def wanted(task: _Task) -> bool:
        return plugin in (None, task.plugin) and job in (None, task.job.name) and tenant_id in (None, task.tenant_id)

    def look(connection: Connection) -> list[_Task]:
        return _tasks(connection, runtime.jobs, moment, wanted, force=force)

    tasks = await runtime.database.run(look, tenant_id=None, write=True)
    # A few at a time, so that one slow job keeps neither the others nor all connections.
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(task: _Task) -> JobRun | None:
        async with places:
            return await _run_one(runtime, task, moment, force=force)

    runs = await asyncio.gather(*(one(task) for task in tasks))
    return JobsReport(tuple(run for run in runs if run is not None))


async def jobs_forever(runtime: JobsRuntime, stop: asyncio.Event, every: float) -> None:
    """Run due jobs until ``stop`` is set; outlives every error."""
    await repeat("running scheduled jobs", lambda: run_due(runtime), stop, every)


def _tasks(
    connection: Connection,
    jobs: Mapping[str, Sequence[Job]],
    now: dt.datetime,
    wanted: Callable[[_Task], bool],
    *,
    force: bool,
) -> list[_Task]:
    """Return what is to be run, and note jobs seen for the first time."""
    if not any(jobs.values()):
        return []
    known = {row[:3]: row[3:] for row in map(tuple, connection.fetch(statements.KNOWN, {}))}
    due: list[_Task] = []
    added: list[dict[str, Any]] = []
    for tenant_id, plugin in connection.fetch(statements.ENABLED, {}):
        for job in jobs.get(plugin, ()):
            found = known.get((tenant_id, plugin, job.name))
            next_run_at, claimed_until = found or (now, None)
            if found is None:
                added.append({"tenant_id": tenant_id, "plugin": plugin, "name": job.name, "next_run_at": now})
            task = _Task(tenant_id, plugin, job, next_run_at)
            ready = force or next_run_at is None or next_run_at <= now
            if ready and (claimed_until is None or claimed_until <= now) and wanted(task):
                due.append(task)
    if added:
        connection.execute_many(statements.ADD, added)
    return due


async def _run_one(runtime: JobsRuntime, task: _Task, now: dt.datetime, *, force: bool) -> JobRun | None:
    """Claim and run one job; None if another process was quicker."""
    claim = statements.CLAIM_ANY if force else statements.CLAIM_DUE
    lease = now + _LEASE
    if not await _execute(runtime, claim, {**task.key, "now": now, "lease": lease}):
        return None
    error: str | None = None
    held = [lease]
    name = f"job {task.job.name}"
    work = runtime.run_for_plugin(task.tenant_id, task.plugin, _contained(task.job), where=name)
    try:
        await _renewing(runtime, task, held, work)
    except Exception as failure:  # noqa: BLE001 - a job's failure is its own, whatever it is
        error = safe_text(failure)
        logger.warning(
            "job %s of plugin %s failed for tenant %s: %s", task.job.name, task.plugin, task.tenant_id, error
        )
    ended = max(now, dt.datetime.now(dt.UTC))
    values = {"held": held[0], "now": ended, "following": _following(task, now), "error": error}
    if not await _execute(runtime, statements.FINISH, {**task.key, **values}):
        logger.error(
            "job %s of plugin %s for tenant %s lost its lease while it ran: another process may have run it too",
            task.job.name,
            task.plugin,
            task.tenant_id,
        )
    return JobRun(task.tenant_id, task.plugin, task.job.name, error)


def _contained(job: Job) -> Callable[[Context], None]:
    """Return the job's work, unable to end the process: the event loop passes SystemExit on."""

    def run(context: Context) -> None:
        try:
            job.run(context)
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            message = f"job {job.name} tried to end the process with {safe_text(error)}; return from it instead"
            raise RuntimeError(message) from error

    return run


async def _renewing(
    runtime: JobsRuntime, task: _Task, held: list[dt.datetime], work: Coroutine[Any, Any, None]
) -> None:
    """Await the work and keep the lease meanwhile; ``held`` holds the lease as the row has it."""
    running = asyncio.ensure_future(work)
    try:
        while True:
            await asyncio.wait({running}, timeout=_RENEW_SECONDS)
            if running.done():
                return running.result()
            lease = held[0] + dt.timedelta(seconds=_RENEW_SECONDS)
            if await _execute(runtime, statements.RENEW, {**task.key, "held": held[0], "lease": lease}):
                held[0] = lease
    finally:
        running.cancel()


def _following(task: _Task, now: dt.datetime) -> dt.datetime:
    """Return the next usual time: on the job's own beat, however late or often it was run."""
    planned = task.next_run_at or now
    if planned > now:
        return planned  # run ahead of time by hand: its usual time stays
    missed = (now - planned) // task.job.every if task.job.every else 0
    return planned + task.job.every * (missed + 1)


async def _execute(runtime: JobsRuntime, statement: Statement, values: Mapping[str, Any]) -> int:
    return await runtime.database.run(
        lambda connection: connection.execute(statement, values), tenant_id=None, write=True
    )
