"""Signals and rules to a score: pure, so that the same lead always gets the same score and the same reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crm_lead_scoring.rules import HIGHEST, LOWEST_GRADE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_lead_scoring.rules import Rules
    from crm_lead_scoring.signals import Signals


@dataclass(frozen=True, slots=True)
class Reason:
    """One signal that counted, and its points."""

    points: int
    text: str

    def __str__(self) -> str:
        """Write the points with their sign, then the text."""
        return f"{self.points:+d} {self.text}"


@dataclass(frozen=True, slots=True)
class Result:
    """A score from 0 to 100 with its grade; the points of the reasons sum to the score before it was limited."""

    value: int
    grade: str
    reasons: tuple[Reason, ...]

    @property
    def explanation(self) -> str:
        """The reasons, one per line."""
        return "\n".join(map(str, self.reasons))


def evaluate(signals: Signals, rules: Rules) -> Result:
    """Add up what the signals are worth; signals worth nothing are no reasons."""
    reasons = tuple(reason for reason in _reasons(signals, rules) if reason.points)
    value = min(HIGHEST, max(0, sum(reason.points for reason in reasons)))
    return Result(value, grade_of(value, rules), reasons)


def grade_of(value: int, rules: Rules) -> str:
    """Return the best grade whose threshold the score reaches."""
    return next((grade for grade, lowest in rules.grades if value >= lowest), LOWEST_GRADE)


def _reasons(signals: Signals, rules: Rules) -> Iterator[Reason]:
    if signals.company_email:
        yield Reason(rules.company_email, "e-mail address at a company's own domain")
    if signals.phone:
        yield Reason(rules.phone, "phone number known")
    if signals.company:
        yield Reason(rules.company, "company known")
    if signals.website:
        yield Reason(rules.website, "website known")
    if signals.title_keyword is not None:
        yield Reason(rules.title, f"title contains {signals.title_keyword}")
    if signals.source is not None:
        yield Reason(rules.source_points.get(signals.source, 0), f"source is {signals.source}")
    if signals.stage is not None:
        yield Reason(rules.stage_points.get(signals.stage, 0), f"stage is {signals.stage}")
    counted = min(signals.activities, rules.activity_limit)
    yield Reason(counted * rules.activity, f"{counted} {'activity' if counted == 1 else 'activities'}")
