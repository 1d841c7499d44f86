"""What a hook call costs more in a worker: the same function through dispatch in this process and in its own.

Run it on a quiet machine: ``python tests/benchmarks/protection/isolated_call.py``. The record has about 1 KB, the hook
runs no SQL, all walls that can stand here do. Rounds are interleaved; medians are printed, in microseconds a call.
``--profile`` shows instead where the time of the host goes.
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
from plugin_sdk.ids import new_id
from plugin_sdk.records import Operation, Record
from tests.support.app import running
from tests.support.plugins import write_plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.plugin_host.dispatch import Hooks
    from crm_core.records.scope import Scope

_ROUNDS = 41
_CALLS = 500
_FUNCTIONS = {
    "plain": "def record_validate(operation, new, changed):\n    return None",
    "context": "def record_validate(ctx, operation, new, changed):\n    return None",
    "answer": "def record_validate(ctx, operation, new, changed):\n    return ISSUES",
}
_HOOKS = """\
from plugin_sdk import Issue, Level, hookimpl

ISSUES = [Issue("code", "text", "name", Level.WARNING)]

@hookimpl
"""


def _record() -> Record:
    now = dt.datetime.now(dt.UTC)
    values = {
        **{name: new_id() for name in ("id", "owner_id", "parent_id")},
        "version": 3,
        "created_at": now,
        "updated_at": now,
        "deleted_at": None,
        "employees": 120,
        "name": "A",
        "legal_name": "A Limited",
        "currency": "EUR",
        "revenue": Decimal("12345.6789"),
        "website": "https://example.com/about",
        "language": "en",
        "description": "x" * 600,
    }
    return Record("account", new_id(), 3, MappingProxyType(values), MappingProxyType({}))


def _cases(hooks: Hooks) -> dict[str, Callable[[], Any]]:
    record = _record()
    arguments = {"operation": Operation.UPDATE, "old": record, "new": record, "changed": frozenset({"name"})}
    return {
        call.plugin.id: lambda own=(call,): hooks._run("record_validate", own, dict(arguments))  # noqa: SLF001
        for call in hooks.tenant.calls("record_validate", "account")
    }


def _measure(scope: Scope) -> dict[str, float]:
    cases = _cases(scope.hooks)
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(_ROUNDS):
        for name, case in cases.items():
            started = time.perf_counter()
            for _ in range(_CALLS):
                case()
            taken[name].append((time.perf_counter() - started) / _CALLS * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def _profile(scope: Scope) -> None:
    case = _cases(scope.hooks)["worker_answer"]
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(_CALLS * 20):
        case()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


async def _main(folder: Path) -> None:
    url = f"sqlite:///{folder}/crm.db"
    migrate(url)
    manifest = '[hooks.record_validate]\nrecord_types = ["account"]'
    plugins = [
        write_plugin(folder, f"{place}_{name}", _HOOKS + code, manifest)
        for name, code in _FUNCTIONS.items()
        for place in ("here", "worker")
    ]
    tiers = ",".join(f"worker_{name}=isolated" for name in _FUNCTIONS)
    async with running(url, plugins=plugins, plugin_tiers=tiers) as app:
        if "--profile" in sys.argv:
            await app.as_system(_profile)
            return
        result = await app.as_system(_measure)
    for name in _FUNCTIONS:
        here, worker = result[f"here_{name}"], result[f"worker_{name}"]
        sys.stdout.write(f"{name:<10} {here:6.2f} µs here, {worker:6.2f} µs in a worker: {worker - here:+6.2f} µs\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_main(Path(place)))
