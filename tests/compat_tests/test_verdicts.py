from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from compat_tests.model import Cause, Cell, CellState, Check, Kind, Outcome, Verdict, VerdictOf
from compat_tests.verdicts import exit_code, judge, regressions

if TYPE_CHECKING:
    from collections.abc import Mapping

PASS, FAIL, SKIP = Outcome.PASS, Outcome.FAIL, Outcome.SKIP


def cell(core: str = "1", *, load: Outcome | None = PASS, **checks: Outcome) -> Cell:
    """Return a cell with a load check and a test for each name."""
    return made(checks, core=core, load=load)


def made(
    checks: Mapping[str, Outcome],
    *,
    core: str = "1",
    load: Outcome | None = PASS,
    state: CellState = CellState.RAN,
) -> Cell:
    found = Cell("loyalty", core, state=state, reason="" if state is CellState.RAN else "no network", log="log.txt")
    if load:
        found.checks.append(Check(Kind.LOAD, "load", load, _cause(load)))
    found.checks += [Check(Kind.TEST, name, outcome, _cause(outcome)) for name, outcome in checks.items()]
    return found


def _cause(outcome: Outcome) -> Cause | None:
    return Cause("status 500, expected 200", "POST /accounts") if outcome is FAIL else None


# What a single check says, for every pair of outcomes; None: the check is not in that cell.
TABLE = {
    (PASS, PASS): Verdict.COMPATIBLE,
    (PASS, FAIL): Verdict.BROKEN,
    (PASS, SKIP): Verdict.UNKNOWN,
    (PASS, None): Verdict.UNKNOWN,
    (FAIL, PASS): Verdict.COMPATIBLE,
    (FAIL, FAIL): Verdict.ALREADY_BROKEN,
    (FAIL, SKIP): Verdict.UNKNOWN,
    (FAIL, None): Verdict.UNKNOWN,
    (SKIP, PASS): Verdict.COMPATIBLE,
    (SKIP, FAIL): Verdict.UNKNOWN,
    (SKIP, SKIP): Verdict.UNKNOWN,
    (SKIP, None): Verdict.UNKNOWN,
    (None, PASS): Verdict.COMPATIBLE,
    (None, FAIL): Verdict.UNKNOWN,
    (None, SKIP): Verdict.UNKNOWN,
    (None, None): Verdict.UNKNOWN,
}


def test_the_table_is_complete() -> None:
    outcomes = [*Outcome, None]

    assert set(TABLE) == set(itertools.product(outcomes, outcomes))


@pytest.mark.parametrize(("before", "after"), TABLE)
def test_one_check(before: Outcome | None, after: Outcome | None) -> None:
    baseline = made({"a": before} if before else {})
    candidate = made({"a": after} if after else {}, core="2")

    assert judge(baseline, candidate).verdict is TABLE[before, after]


def test_a_regression_outweighs_everything_else() -> None:
    verdict = judge(cell(a=PASS, b=FAIL, c=PASS), cell("2", a=FAIL, b=FAIL, c=SKIP))

    assert verdict.verdict is Verdict.BROKEN
    assert [check.name for check in verdict.broken] == ["a"]
    assert verdict.reasons == ("a: POST /accounts: status 500, expected 200",)


def test_what_fails_on_both_outweighs_what_passes() -> None:
    assert judge(cell(a=FAIL, b=PASS), cell("2", a=FAIL, b=PASS)).verdict is Verdict.ALREADY_BROKEN


@pytest.mark.parametrize("state", [CellState.NOT_BUILT, CellState.TIMED_OUT, CellState.ABORTED])
@pytest.mark.parametrize("which", ["baseline", "candidate", "again"])
def test_a_cell_that_did_not_run_leaves_it_undecided(state: CellState, which: str) -> None:
    cells = {"baseline": cell("1", a=PASS), "candidate": cell("2", a=FAIL), "again": cell("2", a=FAIL)}
    cells[which] = made({}, core="9", load=None, state=state)

    verdict = judge(cells["baseline"], cells["candidate"], cells["again"])

    assert verdict.verdict is Verdict.UNKNOWN
    assert verdict.reasons == (f"9: {state}: no network (log: log.txt)",)
    assert verdict.environment is (state is CellState.NOT_BUILT)


def test_nothing_to_run_is_not_run() -> None:
    assert judge(cell(), cell("2"), has_checks=False).verdict is Verdict.NOT_RUN


def test_a_plugin_that_stops_loading_is_broken_even_with_nothing_to_run() -> None:
    assert judge(cell(), cell("2", load=FAIL), has_checks=False).verdict is Verdict.BROKEN


def test_loading_is_no_evidence() -> None:
    assert judge(cell(), cell("2")).verdict is Verdict.UNKNOWN


def test_a_failure_that_does_not_repeat_is_noise() -> None:
    verdict = judge(cell(a=PASS), cell("2", a=FAIL), cell("2", a=PASS))

    assert (verdict.verdict, verdict.noisy) == (Verdict.UNKNOWN, ("a",))


def test_a_failure_that_repeats_beside_noise_is_broken() -> None:
    verdict = judge(cell(a=PASS, b=PASS), cell("2", a=FAIL, b=FAIL), cell("2", a=PASS, b=FAIL))

    assert verdict.verdict is Verdict.BROKEN
    assert [check.name for check in verdict.broken] == ["b"]


def test_regressions_are_in_the_order_of_the_baseline() -> None:
    found = regressions(cell(b=PASS, a=PASS, c=PASS), cell("2", a=FAIL, c=PASS, b=FAIL))

    assert [check.name for check in found] == ["b", "a"]


C, B, A, U, N = Verdict.COMPATIBLE, Verdict.BROKEN, Verdict.ALREADY_BROKEN, Verdict.UNKNOWN, Verdict.NOT_RUN


@pytest.mark.parametrize(
    ("verdicts", "strict", "lenient"),
    [
        ([C], 0, 0),
        ([C, C], 0, 0),
        ([B], 1, 1),
        ([C, U, A, N, B], 1, 1),
        ([U], 3, 3),
        ([A], 3, 0),
        ([C, A], 3, 0),
        ([N], 6, 6),
        ([N, N], 6, 6),
        ([C, N], 6, 0),
        ([U, N], 3, 3),
        ([], 6, 6),
    ],
)
def test_exit_codes(verdicts: list[Verdict], strict: int, lenient: int) -> None:
    found = [VerdictOf("p", verdict) for verdict in verdicts]

    assert (exit_code(found), exit_code(found, "broken")) == (strict, lenient)


def test_environment_failures_have_their_own_code_only_if_nothing_else_is_known() -> None:
    failed = VerdictOf("p", U, environment=True)

    assert exit_code([failed]) == 5
    assert exit_code([failed], "broken") == 5
    assert exit_code([failed, VerdictOf("q", C)]) == 3
    assert exit_code([failed, VerdictOf("q", B)]) == 1
