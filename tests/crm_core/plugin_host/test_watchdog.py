from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.plugin_host import watchdog
from crm_core.plugin_host.budgets import BUDGETS, BudgetExceeded, Meter
from crm_core.plugin_host.guard import run_bounded
from crm_core.plugin_host.tiers import Tier
from crm_core.plugin_host.watchdog import NEVER, Stopped, slot_of_thread
from plugin_sdk import Point

if TYPE_CHECKING:
    from collections.abc import Callable

_QUICK = replace(BUDGETS[Point.WRITE], wall_ms=100.0, cpu_ms=60_000.0)


def _call(function: Callable[..., Any], budget: Any = _QUICK, tier: Tier = Tier.IN_PROCESS) -> Any:
    """Call a function as a plugin's; it is given its meter."""
    meter = Meter(budget, "slow@1.0.0", "record_validate")
    return run_bounded(None, tier, function, (meter,), meter)


def _spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def _for_ever(_: Meter) -> None:
    while True:
        pass


def _swallowing(_: Meter) -> None:
    while True:
        with suppress(BaseException):
            len("")


def _once_swallowing(_: Meter) -> str:
    with suppress(BaseException):
        _for_ever(_)
    return "an answer"


@pytest.mark.parametrize("function", [_for_ever, _swallowing, _once_swallowing])
def test_a_loop_is_stopped_and_what_follows_is_left_alone(function: Callable[[Meter], None]) -> None:
    told = r"plugin slow@1\.0\.0 exceeded its budget in record_validate: \d+ milliseconds, and one call may have 100; "
    with pytest.raises(BudgetExceeded, match=told):
        _call(function)
    slot = slot_of_thread()
    assert (slot.deadline, slot.touched) == (NEVER, False)
    _spin(0.2)
    assert _call(lambda _: "an answer") == "an answer"


def test_cpu_time_has_a_limit_of_its_own() -> None:
    budget = replace(_QUICK, wall_ms=60_000.0, cpu_ms=50.0)
    with pytest.raises(BudgetExceeded, match=r"\d+ milliseconds of CPU time, and one call may have 50; "):
        _call(_for_ever, budget)


def test_what_cannot_be_stopped_counts_when_it_ends() -> None:
    ended = []

    def wait(_: Meter) -> str:
        threading.Event().wait(0.3)
        ended.append(True)
        return "too late"

    with pytest.raises(BudgetExceeded, match="milliseconds, and one call may have 100"):
        _call(wait)
    assert len(ended) <= 1


def test_the_cores_own_work_is_neither_stopped_nor_counted() -> None:
    def ask(meter: Meter) -> str:
        for _ in range(3):
            with meter, meter:
                _spin(0.15)
        return "an answer"

    assert _call(ask) == "an answer"


def test_a_call_that_is_over_gets_nothing_from_the_core_any_more() -> None:
    done = []

    def ask(meter: Meter) -> str:
        try:
            _for_ever(meter)
        except Stopped:
            for _ in range(2):
                with pytest.raises(BudgetExceeded), meter:
                    done.append("a write")
        return "an answer"

    with pytest.raises(BudgetExceeded):
        _call(ask)
    assert done == []


def test_a_call_inside_another_has_its_own_time() -> None:
    def outer(meter: Meter) -> str:
        with meter:
            with pytest.raises(BudgetExceeded):
                _call(_for_ever)
            assert _call(lambda _: "inner") == "inner"
        return "outer"

    assert _call(outer) == "outer"
    assert slot_of_thread().deadline is NEVER


def test_a_plugin_in_a_process_of_its_own_is_not_stopped_from_here() -> None:
    def remote(_: Meter) -> str:
        _spin(0.25)
        return "an answer"

    assert _call(remote, tier=Tier.ISOLATED) == "an answer"


def test_no_exception_ever_arrives_outside_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_TICK_SECONDS", 0.0)
    threading.Event().wait(0.1)  # until the watchdog has begun its next round
    tight = replace(_QUICK, wall_ms=0.2)
    ends: dict[str, int] = {"answered": 0, "stopped": 0}
    strays: list[BaseException] = []

    def work() -> None:
        try:
            for turn in range(300):
                try:
                    _call(lambda _, turn=turn: _spin(turn % 5 * 1e-4), tight)
                    ends["answered"] += 1
                except BudgetExceeded:
                    ends["stopped"] += 1
                for _ in range(50):
                    len("the core's own code")
        except BaseException as error:  # noqa: BLE001 - handed to the thread of the test
            strays.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert strays == []
    assert ends["answered"] + ends["stopped"] == 1200
    assert ends["stopped"] > 0
