from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_lead_scoring.rules import find_problems, parse_points, read_rules, split_list
from plugin_sdk import Manifest, SettingError

MANIFEST = Manifest.parse((files("crm_lead_scoring") / "crm-plugin.toml").read_bytes())


def settings(**changed: Any) -> dict[str, Any]:
    return MANIFEST.validate_settings(changed)


def test_the_defaults_have_no_problems() -> None:
    assert find_problems(settings()) == []


def test_the_defaults_mean_what_they_say() -> None:
    rules = read_rules(settings())

    assert (rules.company_email, rules.phone, rules.company, rules.website, rules.title) == (20, 10, 10, 10, 15)
    assert (rules.activity, rules.activity_limit) == (5, 5)
    assert rules.source_points == {"referral": 25, "partner": 15, "website": 10}
    assert rules.stage_points == {}
    assert rules.grades == (("A", 75), ("B", 50), ("C", 25))
    assert rules.minimum_to_qualify == 0
    assert "gmail.com" in rules.free_mail_domains
    assert "qq.com" in rules.free_mail_domains
    assert rules.title_keywords[0] == "ceo"
    assert rules.highest == 100


@pytest.mark.parametrize(("a", "b", "c"), [(50, 50, 25), (40, 60, 20), (75, 50, 50)])
def test_grades_out_of_order_are_named(a: int, b: int, c: int) -> None:
    issues = find_problems(settings(grade_a=a, grade_b=b, grade_c=c))

    assert {issue.code for issue in issues} == {"grades_out_of_order"}
    assert issues[0].field == ("grade_a" if a <= b else "grade_b")


def test_all_grades_in_reverse_are_two_problems() -> None:
    issues = find_problems(settings(grade_a=10, grade_b=20, grade_c=30))

    assert [issue.field for issue in issues] == ["grade_a", "grade_b"]
    assert issues[0].message == (
        "grade_a is 10 and grade_b is 20, so no lead could get grade B; raise grade_a or lower grade_b"
    )


@pytest.mark.parametrize("key", ["source_points", "stage_points"])
def test_points_that_cannot_be_read_are_named_with_the_setting(key: str) -> None:
    given = settings(**{key: "referral"})

    (issue,) = find_problems(given)

    assert (issue.code, issue.field) == ("unreadable_points", key)
    assert issue.message == (
        f"{key}: 'referral' is not <name>=<points from -100 to 100>; write for example referral=30"
    )
    with pytest.raises(SettingError, match=f"^{key}: 'referral' is not"):
        read_rules(given)


def test_a_minimum_no_lead_can_reach_is_a_problem() -> None:
    weak = dict.fromkeys(("weight_company_email", "weight_phone", "weight_company", "weight_website"), 0)
    weak |= {"weight_title": 0, "weight_activity": 5, "activity_limit": 3}

    assert find_problems(settings(**weak, source_points="", minimum_score_to_qualify=15)) == []
    (issue,) = find_problems(settings(**weak, source_points="", minimum_score_to_qualify=16))
    assert (issue.code, issue.field) == ("unreachable_minimum", "minimum_score_to_qualify")
    assert "no lead can score more than 15" in issue.message


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("", {}),
        ("  , ,", {}),
        ("referral=30,web=10", {"referral": 30, "web": 10}),
        (" Trade Fair = +5 , list=-10,", {"trade fair": 5, "list": -10}),
        ("a=b=7", {"a=b": 7}),
        ("展会=20", {"展会": 20}),
    ],
)
def test_points_are_read(text: str, points: dict[str, int]) -> None:
    assert parse_points(text) == (points, [])


@pytest.mark.parametrize("text", ["web", "=5", "web=", "web=ten", "web=101", "web=-101", "web=1.5", "web=٣"])
def test_what_is_no_pair_of_name_and_points_is_told(text: str) -> None:
    points, problems = parse_points(f"good=1, {text}")

    assert points == {"good": 1}
    assert problems == [f"{text!r} is not <name>=<points from -100 to 100>; write for example referral=30"]


def test_a_name_given_twice_is_told_and_the_first_kept() -> None:
    assert parse_points("Web=1, wEB=2") == ({"web": 1}, ["'wEB' is given twice; remove one of the two"])


@given(st.text())
def test_every_text_is_read_or_refused_but_nothing_breaks(text: str) -> None:
    points, problems = parse_points(text)

    assert all(-100 <= value <= 100 for value in points.values())
    assert bool(text.strip(", \t\n")) <= (bool(points) or bool(problems) or not text.replace(",", "").strip())


@given(st.dictionaries(st.text("abcdefgh ", min_size=1).map(str.strip).filter(bool), st.integers(-100, 100)))
def test_points_written_out_are_read_back(points: dict[str, int]) -> None:
    assert parse_points(", ".join(f"{name}={value}" for name, value in points.items())) == (points, [])


def test_lists_lose_case_blanks_and_repetition() -> None:
    assert split_list(" CEO,  Managing   Director,ceo,, ") == ("ceo", "managing director")
