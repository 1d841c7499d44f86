"""A tenant's settings as the rules they mean, and what is contradictory about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from plugin_sdk import Issue, SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGHEST: Final = 100
_POINTS: Final = re.compile(r"[+-]?[0-9]{1,3}")
_GRADES: Final = ("A", "B", "C")
LOWEST_GRADE: Final = "D"


@dataclass(frozen=True, slots=True)
class Rules:
    """What each signal of a lead is worth, and where grades begin.

    ``grades`` holds grade and lowest score, best first. Names in ``source_points`` and ``stage_points``,
    keywords and domains are in lower case.
    """

    company_email: int
    phone: int
    company: int
    website: int
    title: int
    activity: int
    activity_limit: int
    title_keywords: tuple[str, ...]
    free_mail_domains: frozenset[str]
    source_points: Mapping[str, int]
    stage_points: Mapping[str, int]
    grades: tuple[tuple[str, int], ...]
    minimum_to_qualify: int

    @property
    def highest(self) -> int:
        """The best score any lead can reach under these rules."""
        weights = self.company_email + self.phone + self.company + self.website
        weights += self.title if self.title_keywords else 0
        weights += self.activity * self.activity_limit
        bonus = max(0, *self.source_points.values(), 0) + max(0, *self.stage_points.values(), 0)
        return min(HIGHEST, weights + bonus)


def read_rules(settings: Mapping[str, Any]) -> Rules:
    """Return the rules; raise SettingError where a list of points cannot be read."""
    source_points, source_problems = parse_points(settings["source_points"])
    stage_points, stage_problems = parse_points(settings["stage_points"])
    problems = [f"source_points: {text}" for text in source_problems]
    problems += [f"stage_points: {text}" for text in stage_problems]
    if problems:
        raise SettingError("; ".join(problems))
    return Rules(
        company_email=settings["weight_company_email"],
        phone=settings["weight_phone"],
        company=settings["weight_company"],
        website=settings["weight_website"],
        title=settings["weight_title"],
        activity=settings["weight_activity"],
        activity_limit=settings["activity_limit"],
        title_keywords=split_list(settings["title_keywords"]),
        free_mail_domains=frozenset(split_list(settings["free_mail_domains"])),
        source_points=source_points,
        stage_points=stage_points,
        grades=tuple((grade, settings[f"grade_{grade.lower()}"]) for grade in _GRADES),
        minimum_to_qualify=settings["minimum_score_to_qualify"],
    )


def find_problems(settings: Mapping[str, Any]) -> list[Issue]:
    """Return everything in the settings that contradicts itself; empty means the plugin can work with them."""
    issues = _grade_problems(settings)
    for key in ("source_points", "stage_points"):
        _, problems = parse_points(settings[key])
        issues += [Issue("unreadable_points", f"{key}: {text}", key) for text in problems]
    if issues:
        return issues
    rules = read_rules(settings)
    if rules.minimum_to_qualify > rules.highest:
        message = (
            f"minimum_score_to_qualify is {rules.minimum_to_qualify}, but no lead can score more than {rules.highest} "
            "with these weights, so none could ever be qualified; lower it or raise the weights"
        )
        issues.append(Issue("unreachable_minimum", message, "minimum_score_to_qualify"))
    return issues


def _grade_problems(settings: Mapping[str, Any]) -> list[Issue]:
    issues = []
    for better, worse in pairwise(_GRADES):
        better_key, worse_key = f"grade_{better.lower()}", f"grade_{worse.lower()}"
        if settings[better_key] <= settings[worse_key]:
            message = (
                f"{better_key} is {settings[better_key]} and {worse_key} is {settings[worse_key]}, so no lead could "
                f"get grade {worse}; raise {better_key} or lower {worse_key}"
            )
            issues.append(Issue("grades_out_of_order", message, better_key))
    return issues


def parse_points(text: str) -> tuple[Mapping[str, int], list[str]]:
    """Read ``referral=30, list=-10``; return the points by name in lower case, and what could not be read."""
    points: dict[str, int] = {}
    problems: list[str] = []
    for pair in (part.strip() for part in text.split(",")):
        if not pair:
            continue
        name, _, value = (part.strip() for part in pair.rpartition("="))
        key = name.casefold()
        if not key or not _POINTS.fullmatch(value) or abs(int(value)) > HIGHEST:
            problems.append(f"{pair!r} is not <name>=<points from -100 to 100>; write for example referral=30")
        elif key in points:
            problems.append(f"{name!r} is given twice; remove one of the two")
        else:
            points[key] = int(value)
    return MappingProxyType(points), problems


def split_list(text: str) -> tuple[str, ...]:
    """Return the words of a list separated by commas, in lower case and without repetition."""
    words = (" ".join(part.split()).casefold() for part in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))
