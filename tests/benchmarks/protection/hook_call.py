"""What the protection of a hook call costs: a bare call of the function against the same through dispatch.

Run it on a quiet machine: ``python -m tests.benchmarks.protection.hook_call``. Everything is on: budget, meter,
watchdog, counters, breaker, result check, the context that dies with its call. The hooks run no SQL. Rounds are
interleaved, so that a machine that slows down slows all of them; medians are printed, in microseconds a call.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_core.db.migrate import migrate
from plugin_sdk.ids import new_id
from plugin_sdk.records import Operation, Record
from tests.support.app import running
from tests.support.plugins import write_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crm_core.plugin_host.dispatch import Hooks
    from crm_core.records.scope import Scope

_ROUNDS = 41
_CALLS = 5_000
_PLUGINS = {
    "plain": "def record_validate(operation, new, changed):\n    return None",
    "context": "def record_validate(ctx, operation, new, changed):\n    return None",
    "answer": "def record_validate(ctx, operation, new, changed):\n    return ISSUES",
    "patch": "def record_before_write(ctx, operation, new):\n    return PATCH",
}
_HOOKS = """\
from plugin_sdk import Issue, Level, Patch, hookimpl

PATCH = Patch({"name": "A", "industry": "B"})
ISSUES = [Issue("code", "text", "name", Level.WARNING)]

@hookimpl
"""


def _hook_of(plugin: str) -> str:
    return _PLUGINS[plugin].removeprefix("def ").partition("(")[0]


def _cases(hooks: Hooks) -> Mapping[str, Callable[[], Any]]:
    """Return what is measured: per plugin its function called with its arguments, and the same through dispatch."""
    record = Record("account", new_id(), 1, {"name": "A"}, {})
    arguments = {"operation": Operation.UPDATE, "old": record, "new": record, "changed": frozenset({"name"})}
    cases: dict[str, Callable[[], Any]] = {}
    for plugin in _PLUGINS:
        hook = _hook_of(plugin)
        (call,) = (call for call in hooks.tenant.calls(hook, "account") if call.plugin.id == plugin)
        given = tuple(None if name == "ctx" else arguments[name] for name in call.arguments)
        own = (call,)
        cases[f"{plugin}: bare"] = lambda function=call.function, given=given: function(*given)
        named = dict(arguments)
        cases[f"{plugin}: guarded"] = lambda hook=hook, own=own, named=named: hooks._run(hook, own, named)  # noqa: SLF001
    return cases


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


async def _main(folder: Path) -> None:
    url = f"sqlite:///{folder}/crm.db"
    migrate(url)
    plugins = [
        write_plugin(folder, name, _HOOKS + code, f'[hooks.{_hook_of(name)}]\nrecord_types = ["account"]')
        for name, code in _PLUGINS.items()
    ]
    async with running(url, plugins=plugins) as app:
        result = await app.as_system(_measure)
    for name, micros in result.items():
        sys.stdout.write(f"{name:<20} {micros:6.2f} µs\n")
    for plugin in _PLUGINS:
        more = result[f"{plugin}: guarded"] - result[f"{plugin}: bare"]
        sys.stdout.write(f"{plugin:<20} {more:+6.2f} µs\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_main(Path(place)))
