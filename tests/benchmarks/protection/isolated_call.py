"""What a hook call costs more in a worker: the same function through dispatch in this process and in its own.

Run it on a quiet machine: ``python tests/benchmarks/protection/isolated_call.py``; the URL of an empty database as an
argument measures there instead of on SQLite. The record has about 1 KB, all walls that can stand here do. Three hooks
do nothing, one reads a record through ``ctx.api``. Rounds are interleaved; medians are printed, in microseconds a call.

Beside the time that passes stands the time of the processor, here and in the worker together: on a busy machine only
that says something. The first line is what cannot be had for less: a frame to a worker that does nothing but send it
back. ``--profile`` shows instead where the time of the host goes.
"""

from __future__ import annotations

import asyncio
import cProfile
import datetime as dt
import pstats
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crm_core.db.migrate import migrate
from crm_core.isolation.process import WorkerProcess
from crm_core.isolation.spec import WorkerSpec
from crm_core.records.create import create
from plugin_sdk.ids import new_id
from plugin_sdk.records import Operation, Record
from tests.support.app import running
from tests.support.plugins import write_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crm_core.plugin_host.dispatch import Hooks
    from crm_core.records.scope import Scope

    Case = tuple[Callable[[], Any], Iterable[WorkerProcess]]

_ROUNDS = 41
_CALLS = 300
_FUNCTIONS = {
    "plain": "def record_validate(operation, new, changed):\n    return None",
    "context": "def record_validate(ctx, operation, new, changed):\n    return None",
    "answer": "def record_validate(ctx, operation, new, changed):\n    return ISSUES",
    "api_get": "def record_validate(ctx, old, new):\n    old and ctx.api.get('account', new.id)",
}
_HOOKS = """\
from plugin_sdk import Issue, Level, hookimpl

ISSUES = [Issue("code", "text", "name", Level.WARNING)]

@hookimpl
"""
_MANIFEST = """\
[capabilities]
api = ["account:read"]

[hooks.record_validate]
record_types = ["account"]
"""
_ECHO = """\
import sys
from crm_core.isolation.attach import attach
from crm_core.isolation.confinement import confine

channel, spec = attach(sys.argv)
confine(spec)
while True:
    channel.send(channel.receive())
"""
_FRAME = bytes(1000)
_MEMORY = 2**28


def _record(scope: Scope) -> Record:
    now = dt.datetime.now(dt.UTC)
    values = {
        **{name: new_id() for name in ("id", "owner_id", "parent_id")},
        **dict.fromkeys(("created_at", "updated_at"), now),
        **{name: name * 12 for name in ("name", "legal_name", "website", "language", "description", "industry")},
        "version": 3,
        "deleted_at": None,
        "employees": 120,
        "revenue": Decimal("12345.6789"),
        "about": "x" * 250,
    }
    stored = create(scope, scope.entity("account"), {"name": "A"})
    return Record("account", stored["id"], 3, MappingProxyType(values), MappingProxyType({}))


def _hook_cases(hooks: Hooks, record: Record) -> dict[str, Case]:
    arguments = {"operation": Operation.UPDATE, "old": record, "new": record, "changed": frozenset({"name"})}
    cases: dict[str, Case] = {}
    for call in hooks.tenant.calls("record_validate", "account"):
        remote = call.plugin.remote
        workers = [worker.process for worker in remote.workers] if remote else []
        cases[call.plugin.id] = (
            lambda own=(call,): hooks._run("record_validate", own, dict(arguments)),  # noqa: SLF001
            workers,
        )
    return cases


def _echo(worker: WorkerProcess) -> Case:
    channel = worker.channel

    def there_and_back() -> None:
        channel.send(_FRAME)
        channel.receive_soon() or channel.receive()

    return there_and_back, [worker]


def _measure(scope: Scope) -> dict[str, tuple[float, float]]:
    """Return of each case the time that passes and the time of processors, in microseconds a call."""
    worker = WorkerProcess.start(WorkerSpec("echo", (), _MEMORY, frozenset()), ("-c", _ECHO))
    try:
        cases = {"frame": _echo(worker), **_hook_cases(scope.hooks, _record(scope))}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        for _ in range(_ROUNDS):
            for name, (call, workers) in cases.items():
                taken[name].append(_round(call, workers))
    finally:
        worker.kill()
    return {
        name: (statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times))
        for name, times in taken.items()
    }


def _round(call: Callable[[], Any], workers: Iterable[WorkerProcess]) -> tuple[float, float]:
    used = -sum(each.cpu_seconds() for each in workers) - time.thread_time()
    started = time.perf_counter()
    for _ in range(_CALLS):
        call()
    passed = time.perf_counter() - started
    used += time.thread_time() + sum(each.cpu_seconds() for each in workers)
    return passed / _CALLS * 1e6, used / _CALLS * 1e6


def _profile(scope: Scope) -> None:
    call, _ = _hook_cases(scope.hooks, _record(scope))["worker_answer"]
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(_CALLS * 30):
        call()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


async def _main(folder: Path) -> None:
    urls = [argument for argument in sys.argv[1:] if "://" in argument]
    url = urls[0] if urls else f"sqlite:///{folder}/crm.db"
    migrate(url)
    plugins = [
        write_plugin(folder, f"{place}_{name}", _HOOKS + code, _MANIFEST)
        for name, code in _FUNCTIONS.items()
        for place in ("here", "worker")
    ]
    tiers = ",".join(f"worker_{name}=isolated" for name in _FUNCTIONS)
    async with running(url, plugins=plugins, plugin_tiers=tiers) as app:
        if "--profile" in sys.argv:
            await app.as_system(_profile)
            return
        result = await app.as_system(_measure)
    _report(result)


def _report(result: dict[str, tuple[float, float]]) -> None:
    wall, cpu = result["frame"]
    sys.stdout.write(f"{'frame':<10} {wall:8.2f} µs there and back (processors {cpu:.2f})\n")
    for name in _FUNCTIONS:
        (here, used_here), (worker, used) = result[f"here_{name}"], result[f"worker_{name}"]
        sys.stdout.write(
            f"{name:<10} {here:8.2f} µs here, {worker:8.2f} µs in a worker: {worker - here:+8.2f} µs "
            f"(processors {used_here:.2f}, {used:.2f}: {used - used_here:+.2f})\n"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_main(Path(place)))
