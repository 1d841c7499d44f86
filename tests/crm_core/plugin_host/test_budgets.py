from __future__ import annotations

from asyncio import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.errors import CoreTransactionLost, StatementLimit
from crm_core.plugin_host.budgets import BUDGETS, BudgetExceeded, Meter, budget_of, budgets_of
from crm_core.settings import Settings
from plugin_sdk import HOOKS, NotAllowed, Patch, Point, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

_SMALL = replace(BUDGETS[Point.WRITE], statements=2, rows_read=10, rows_written=5, payload_bytes=100)


def _meter() -> Meter:
    return Meter(_SMALL, "greedy@1.0.0", "record_validate")


def test_every_point_has_a_budget_and_the_background_may_do_more() -> None:
    assert set(BUDGETS) == set(Point)
    assert {BUDGETS[point].wall_ms for point in (Point.BEFORE, Point.WRITE, Point.AFTER, Point.READ)} == {1000}
    assert (BUDGETS[Point.COMMITTED].wall_ms, BUDGETS[Point.BACKGROUND].wall_ms) == (10_000, 30_000)
    assert BUDGETS[Point.BACKGROUND].rows_written == 10 * BUDGETS[Point.WRITE].rows_written
    assert all(budget.cpu_ms < budget.wall_ms for budget in BUDGETS.values())


def test_what_an_operator_asks_of_one_plugin_may_take_its_time() -> None:
    assert budget_of(HOOKS["plugin_enabled"]) == budget_of(HOOKS["plugin_export"]) == BUDGETS[Point.BACKGROUND]
    assert budget_of(HOOKS["plugin_enable"]) == BUDGETS[Point.WRITE]


def test_an_installation_chooses_its_limits() -> None:
    chosen = budgets_of(Settings(hook_wall_ms=10, hook_statements=7, worker_memory_bytes=99))
    assert (chosen[Point.WRITE].wall_ms, chosen[Point.WRITE].cpu_ms, chosen[Point.WRITE].statements) == (10, 5, 7)
    assert {budget.memory_bytes for budget in chosen.values()} == {99}


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda meter: [meter.statement() for _ in range(3)], "3 statements, and one call may have 2; "),
        (lambda meter: meter.read(11), "11 rows read, and one call may have 10; "),
        (lambda meter: [meter.wrote(3), meter.wrote(3)], "6 rows written, and one call may have 5; "),
        (lambda meter: meter.weigh(Patch({"name": "x" * 200})), "bytes returned, and one call may have 100; "),
    ],
)
def test_a_limit_names_plugin_hook_value_and_what_to_do(use: Callable[[Meter], Any], told: str) -> None:
    meter = _meter()
    with pytest.raises(NotAllowed) as refused:
        use(meter)
    text = str(refused.value)
    assert text.startswith("plugin greedy@1.0.0 exceeded its budget in record_validate: ")
    assert told in text
    assert ", or raise CRM_HOOK_" in text
    assert (meter.ended, meter.exceeded) == (True, text)
    for again in (meter.statement, meter.__enter__):
        with pytest.raises(BudgetExceeded, match="exceeded its budget"):
            again()


def test_what_fits_exactly_is_no_excess() -> None:
    meter = _meter()
    meter.statement(2)
    meter.read(10)
    meter.wrote(5)
    meter.weigh(None)
    assert (meter.ended, meter.rows_left) == (False, 0)


def _raise(meter: Meter, error: BaseException, cause: BaseException | None = None) -> None:
    with meter:
        raise error from cause


@pytest.mark.parametrize("lost", [CancelledError(), CoreTransactionLost("gone")])
def test_the_end_of_the_operation_is_remembered_where_the_plugin_swallows_it(lost: BaseException) -> None:
    meter = _meter()
    with pytest.raises(type(lost)):
        _raise(meter, lost)
    assert meter.verdict() is lost


def test_a_statement_that_ran_too_long_is_an_excess_under_its_sdk_name_too() -> None:
    meter = _meter()
    with pytest.raises(Rejected):
        _raise(meter, Rejected([]), StatementLimit("the statement ran for more than 400 ms"))
    assert isinstance(meter.verdict(), BudgetExceeded)
    assert meter.exceeded == "the statement ran for more than 400 ms"


def test_any_other_error_leaves_the_call_its_own() -> None:
    meter = _meter()
    with pytest.raises(Rejected):
        _raise(meter, Rejected([]))
    assert not meter.ended
