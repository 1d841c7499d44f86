"""From what ran in two cells to one verdict. Nothing is green because nothing was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from compat_tests.model import CellState, Kind, Outcome, Verdict, VerdictOf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compat_tests.model import Cell, Check

__all__ = ["EXIT_CODES", "FAIL_ON", "exit_code", "judge", "regressions"]

OK, BROKEN, USAGE, INCONCLUSIVE, ENVIRONMENT, NOTHING_RAN = 0, 1, 2, 3, 5, 6
EXIT_CODES: Final[Mapping[int, str]] = {
    OK: "every plugin is compatible",
    BROKEN: "at least one plugin is broken by the candidate",
    USAGE: "the question was not understood: an option, a file, a name",
    INCONCLUSIVE: "at least one plugin could not be vouched for: unknown or already broken",
    ENVIRONMENT: "no cell could be built: this machine or its package index failed",
    NOTHING_RAN: "at least one plugin has neither tests nor scenarios, and no plugin is worse than that",
}
FAIL_ON: Final = ("broken", "unknown")
_EVIDENCE: Final = frozenset({Kind.TEST, Kind.SCENARIO})


def regressions(baseline: Cell, candidate: Cell) -> list[Check]:
    """Return what passes on the baseline and fails on the candidate, in the order of the baseline."""
    after = candidate.outcomes()
    return [
        after[check.name]
        for check in baseline.checks
        if check.outcome is Outcome.PASS and check.name in after and after[check.name].outcome is Outcome.FAIL
    ]


def judge(baseline: Cell, candidate: Cell, again: Cell | None = None, *, has_checks: bool = True) -> VerdictOf:
    """Return the verdict; ``again`` is a second run of a candidate with regressions: only what fails twice counts."""
    undecided = [cell for cell in (baseline, candidate, again) if cell is not None and cell.state is not CellState.RAN]
    if undecided:
        return _undecided(baseline.subject, undecided)
    broken = regressions(baseline, candidate)
    noisy = _passing(broken, again)
    certain = [check for check in broken if check.name not in noisy]
    return _decide(baseline, candidate, certain, noisy, has_checks=has_checks)


def exit_code(verdicts: Sequence[VerdictOf], fail_on: str = "unknown") -> int:
    """Return the code of the command for the verdicts of a run."""
    found = {one.verdict for one in verdicts}
    if Verdict.BROKEN in found:
        return BROKEN
    undecided = [one for one in verdicts if one.verdict is Verdict.UNKNOWN]
    if undecided and len(undecided) == len(verdicts) and all(one.environment for one in undecided):
        return ENVIRONMENT
    if not verdicts or found == {Verdict.NOT_RUN}:
        return NOTHING_RAN
    if fail_on == "broken":
        return OK if found & {Verdict.COMPATIBLE, Verdict.ALREADY_BROKEN} else INCONCLUSIVE
    if found & {Verdict.UNKNOWN, Verdict.ALREADY_BROKEN}:
        return INCONCLUSIVE
    return NOTHING_RAN if Verdict.NOT_RUN in found else OK


def _decide(baseline: Cell, candidate: Cell, broken: list[Check], noisy: set[str], *, has_checks: bool) -> VerdictOf:
    before, after = baseline.outcomes(), candidate.outcomes()
    lost = [name for name, one in before.items() if one.outcome is Outcome.PASS and _is_lost(candidate, name)]
    failing = [one for name, one in after.items() if one.outcome is Outcome.FAIL and name not in noisy]
    both = [one for one in failing if _failed(before, one.name)]
    new = [one for one in failing if one not in both and one not in broken]
    fixed = [name for name, one in after.items() if one.outcome is Outcome.PASS and _failed(before, name)]
    evidence = sum(one.kind in _EVIDENCE and one.outcome is Outcome.PASS for one in candidate.checks)
    verdict, reasons = _verdict(broken, both, new, noisy, lost, evidence, has_checks=has_checks)
    return VerdictOf(
        baseline.subject,
        verdict,
        tuple(reasons),
        tuple(broken),
        tuple(both),
        tuple(fixed),
        tuple(sorted(noisy)),
        tuple(dict.fromkeys(addition for one in candidate.checks for addition in one.additions)),
        evidence,
    )


def _verdict(  # noqa: PLR0911, PLR0913, RUF100 - one line per row of the table in README.md
    broken: list[Check],
    both: list[Check],
    new: list[Check],
    noisy: set[str],
    lost: list[str],
    evidence: int,
    *,
    has_checks: bool,
) -> tuple[Verdict, list[str]]:
    if broken:
        return Verdict.BROKEN, [_why(broken[0]), *_more(len(broken) - 1, "more checks fail")]
    if both:
        return Verdict.ALREADY_BROKEN, [f"fails on both: {_why(both[0])}", *_more(len(both) - 1, "more fail on both")]
    if new:
        return Verdict.UNKNOWN, [f"fails on the candidate and did not run on the baseline: {_why(new[0])}"]
    if noisy:
        return Verdict.UNKNOWN, [f"failed once and passed when run again: {', '.join(sorted(noisy)[:3])}"]
    if not has_checks:
        return Verdict.NOT_RUN, ["it has no tests and no scenarios; it loads, which proves little"]
    if lost:
        return Verdict.UNKNOWN, [f"passes on the baseline and did not run on the candidate: {', '.join(lost[:3])}"]
    if not evidence:
        return Verdict.UNKNOWN, ["no test and no scenario passed on the candidate, so nothing was shown"]
    return Verdict.COMPATIBLE, [f"{evidence} checks pass"]


def _undecided(subject: str, cells: Sequence[Cell]) -> VerdictOf:
    reasons = [f"{cell.core}: {cell.state}: {cell.reason} (log: {cell.log})" for cell in cells]
    environment = any(cell.state is CellState.NOT_BUILT for cell in cells)
    return VerdictOf(subject, Verdict.UNKNOWN, tuple(reasons), environment=environment)


def _passing(broken: list[Check], again: Cell | None) -> set[str]:
    return {check.name for check in broken if again is not None and _outcome(again, check.name) is Outcome.PASS}


def _outcome(cell: Cell, name: str) -> Outcome | None:
    return check.outcome if (check := cell.outcomes().get(name)) else None


def _is_lost(candidate: Cell, name: str) -> bool:
    return _outcome(candidate, name) in {None, Outcome.SKIP}


def _failed(checks: Mapping[str, Check], name: str) -> bool:
    return name in checks and checks[name].outcome is Outcome.FAIL


def _why(check: Check) -> str:
    return f"{check.name}: {check.cause.text}" if check.cause else check.name


def _more(number: int, words: str) -> list[str]:
    return [f"{number} {words}"] if number > 0 else []
