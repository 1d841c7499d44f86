from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from crm_lead_scoring.rules import Rules
from crm_lead_scoring.scoring import evaluate, grade_of
from crm_lead_scoring.signals import Signals

NAMES = ("referral", "web", "list")
WEIGHTS = st.integers(0, 100)
POINTS = st.dictionaries(st.sampled_from(NAMES), st.integers(-100, 100))
GRADES = st.lists(st.integers(1, 100), min_size=3, max_size=3, unique=True).map(
    lambda lows: tuple(zip("ABC", sorted(lows, reverse=True), strict=True))
)
RULES = st.builds(
    Rules,
    company_email=WEIGHTS,
    phone=WEIGHTS,
    company=WEIGHTS,
    website=WEIGHTS,
    title=WEIGHTS,
    activity=WEIGHTS,
    activity_limit=WEIGHTS,
    title_keywords=st.just(("chief",)),
    free_mail_domains=st.just(frozenset({"gmail.com"})),
    source_points=POINTS,
    stage_points=POINTS,
    grades=GRADES,
    minimum_to_qualify=WEIGHTS,
)
SIGNALS = st.builds(
    Signals,
    company_email=st.booleans(),
    phone=st.booleans(),
    company=st.booleans(),
    website=st.booleans(),
    title_keyword=st.sampled_from([None, "chief"]),
    source=st.sampled_from([None, *NAMES, "elsewhere"]),
    stage=st.sampled_from([None, *NAMES, "elsewhere"]),
    activities=st.integers(0, 200),
)
FLAGS = ("company_email", "phone", "company", "website")
RULE = Rules(20, 10, 10, 10, 15, 5, 4, ("chief",), frozenset(), {"web": 10}, {}, (("A", 75), ("B", 50), ("C", 25)), 0)


def test_a_complete_lead_gets_every_point() -> None:
    signals = Signals(company_email=True, phone=True, company=True, website=True, title_keyword="chief", activities=9)

    result = evaluate(replace(signals, source="web"), RULE)

    assert result.value == 95
    assert result.grade == "A"
    assert result.explanation.splitlines() == [
        "+20 e-mail address at a company's own domain",
        "+10 phone number known",
        "+10 company known",
        "+10 website known",
        "+15 title contains chief",
        "+10 source is web",
        "+20 4 activities",
    ]


def test_a_lead_that_says_nothing_scores_nothing_and_has_no_reasons() -> None:
    result = evaluate(Signals(source="unheard of"), RULE)

    assert (result.value, result.grade, result.reasons, result.explanation) == (0, "D", (), "")


def test_one_activity_is_singular() -> None:
    assert evaluate(Signals(activities=1), RULE).explanation == "+5 1 activity"


def test_a_negative_source_lowers_the_score_but_never_below_zero() -> None:
    rules = replace(RULE, source_points={"list": -15})

    assert evaluate(Signals(phone=True, company=True, source="list"), rules).value == 5
    assert evaluate(Signals(source="list"), rules).value == 0


@given(SIGNALS, RULES)
def test_the_score_stays_between_0_and_100(signals: Signals, rules: Rules) -> None:
    assert 0 <= evaluate(signals, rules).value <= 100


@given(SIGNALS, RULES)
def test_no_score_is_above_what_the_rules_call_the_highest(signals: Signals, rules: Rules) -> None:
    assert evaluate(signals, rules).value <= rules.highest


@given(SIGNALS, RULES)
def test_the_reasons_sum_to_the_score_before_it_is_limited(signals: Signals, rules: Rules) -> None:
    result = evaluate(signals, rules)
    total = sum(int(line.split(" ", 1)[0]) for line in result.explanation.splitlines())

    assert result.value == min(100, max(0, total))
    assert all(reason.points for reason in result.reasons)


@given(SIGNALS, RULES, st.sampled_from(FLAGS))
def test_knowing_more_never_lowers_the_score(signals: Signals, rules: Rules, flag: str) -> None:
    with_it, without = replace(signals, **{flag: True}), replace(signals, **{flag: False})  # type: ignore[arg-type]

    assert evaluate(with_it, rules).value >= evaluate(without, rules).value


@given(SIGNALS, RULES)
def test_a_matching_title_never_lowers_the_score(signals: Signals, rules: Rules) -> None:
    with_it, without = replace(signals, title_keyword="chief"), replace(signals, title_keyword=None)

    assert evaluate(with_it, rules).value >= evaluate(without, rules).value


@given(SIGNALS, RULES, st.integers(0, 200))
def test_more_activities_never_lower_the_score(signals: Signals, rules: Rules, more: int) -> None:
    busier = replace(signals, activities=signals.activities + more)

    assert evaluate(busier, rules).value >= evaluate(signals, rules).value


@given(SIGNALS, RULES, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(["source", "stage"]))
def test_a_source_or_stage_with_more_points_never_lowers_the_score(
    signals: Signals, rules: Rules, one: str, other: str, which: str
) -> None:
    points = rules.source_points if which == "source" else rules.stage_points
    low, high = sorted((one, other), key=lambda name: points.get(name, 0))
    lower, higher = replace(signals, **{which: low}), replace(signals, **{which: high})  # type: ignore[arg-type]

    assert evaluate(higher, rules).value >= evaluate(lower, rules).value


@given(RULES, st.integers(0, 100), st.integers(0, 100))
def test_a_better_score_never_has_a_worse_grade(rules: Rules, one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert grade_of(high, rules) <= grade_of(low, rules)


def test_a_threshold_belongs_to_the_better_grade() -> None:
    assert [grade_of(value, RULE) for value in (100, 75, 74, 50, 49, 25, 24, 0)] == list("AABBCCDD")
