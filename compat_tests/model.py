"""What a run finds out: checks in cells, and what cells of two cores say about a plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Cause", "Cell", "CellState", "Check", "Kind", "Outcome", "Verdict", "VerdictOf"]


class Kind(StrEnum):
    """What a check is about. Loading alone is no evidence that a plugin works."""

    LOAD = "load"
    TEST = "test"
    SCENARIO = "scenario"


class Outcome(StrEnum):
    """How a check ended. A check that did not run is ``skip``, which is neither good nor bad."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIP = "skip"


class CellState(StrEnum):
    """How far a cell came. Only a cell that ran says something about the plugin."""

    RAN = "ran"
    NOT_BUILT = "not built"
    TIMED_OUT = "timed out"
    ABORTED = "aborted"


class Verdict(StrEnum):
    """The answer for one plugin; each value is the word that reports show."""

    COMPATIBLE = "compatible"
    BROKEN = "broken"
    ALREADY_BROKEN = "already-broken"
    UNKNOWN = "unknown"
    NOT_RUN = "not-run"

    @property
    def icon(self) -> str:
        """A mark that stands beside the word, never instead of it."""
        return _ICONS[self]

    @property
    def sentence(self) -> str:
        """What the word means."""
        return _SENTENCES[self]


_ICONS = {
    Verdict.COMPATIBLE: "✔",
    Verdict.BROKEN: "✘",
    Verdict.ALREADY_BROKEN: "◐",
    Verdict.UNKNOWN: "?",
    Verdict.NOT_RUN: "○",
}

_SENTENCES = {
    Verdict.COMPATIBLE: "everything that ran on the baseline passes on the candidate, and something ran",
    Verdict.BROKEN: "something that passes on the baseline fails on the candidate",
    Verdict.ALREADY_BROKEN: "what fails on the candidate fails on the baseline too",
    Verdict.UNKNOWN: "it could not be decided",
    Verdict.NOT_RUN: "there was nothing to run: no tests and no scenarios",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a check failed: where (a command, a route, a test), in which field, what was expected and what came."""

    message: str
    where: str = ""
    field: str = ""
    expected: Any = None
    found: Any = None
    hooks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for the report."""
        shown: dict[str, Any] = {"message": self.message, "where": self.where, "field": self.field}
        return shown | {"expected": self.expected, "found": self.found, "hooks": list(self.hooks)}

    @property
    def text(self) -> str:
        """Return it in one line, for people."""
        hooks = f" [hooks: {', '.join(self.hooks)}]" if self.hooks else ""
        return f"{self.where}: {self.message}{hooks}" if self.where else f"{self.message}{hooks}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried in a cell; the same name in two cells means the same thing."""

    kind: Kind
    name: str
    outcome: Outcome
    cause: Cause | None = None
    additions: tuple[str, ...] = ()


@dataclass(slots=True)
class Cell:
    """One plugin set on one core."""

    subject: str
    core: str
    state: CellState = CellState.RAN
    reason: str = ""
    log: str = ""
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def outcomes(self) -> Mapping[str, Check]:
        """Return the checks by name."""
        return {check.name: check for check in self.checks}

    def count(self, kind: Kind, outcome: Outcome) -> int:
        """Count checks of a kind with an outcome."""
        return sum(check.kind is kind and check.outcome is outcome for check in self.checks)


@dataclass(frozen=True, slots=True)
class VerdictOf:
    """The verdict over one plugin set with what led to it."""

    subject: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    broken: tuple[Check, ...] = ()
    failing_on_both: tuple[Check, ...] = ()
    fixed: tuple[str, ...] = ()
    noisy: tuple[str, ...] = ()
    additions: tuple[str, ...] = ()
    evidence: int = 0
    environment: bool = False  # undecided only because this machine failed
