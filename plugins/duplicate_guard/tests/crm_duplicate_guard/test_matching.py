from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_duplicate_guard.fingerprints import KINDS, Fingerprint
from crm_duplicate_guard.matching import Found, Policy, became_duplicate, score

ID = UUID(int=1)
TYPES = st.sampled_from(["account", "contact", "lead"])
PRINTS = st.frozensets(st.builds(Fingerprint, st.sampled_from(KINDS), st.sampled_from(["a", "b"])))


def prints(*kinds: str) -> frozenset[Fingerprint]:
    return frozenset(Fingerprint(kind, "x") for kind in kinds)


@pytest.mark.parametrize(
    ("record_type", "kinds", "expected"),
    [
        ("account", ["registration"], "1"),
        ("account", ["email"], "1"),
        ("account", ["name"], "0.5"),
        ("account", ["name", "domain"], "0.85"),
        ("account", ["name", "domain", "phone"], "0.94"),
        ("contact", ["email"], "1"),
        ("contact", ["name", "phone"], "0.8"),
        ("lead", ["domain"], "0.3"),
        ("lead", [], "0"),
        ("ticket", ["email"], "0"),
    ],
)
def test_the_score_of_what_is_common(record_type: str, kinds: list[str], expected: str) -> None:
    assert score(record_type, prints(*kinds)) == Decimal(expected)


@given(TYPES, PRINTS, PRINTS)
def test_more_in_common_never_lowers_the_score(
    record_type: str, common: frozenset[Fingerprint], more: frozenset[Fingerprint]
) -> None:
    assert 0 <= score(record_type, common) <= score(record_type, common | more) <= 1


@given(TYPES, PRINTS)
def test_only_what_is_certain_scores_one(record_type: str, common: frozenset[Fingerprint]) -> None:
    kinds = {each.kind for each in common}
    certain = {"email"} | ({"registration"} if record_type == "account" else set())

    assert (score(record_type, common) == 1) is bool(kinds & certain)


@given(PRINTS)
def test_two_names_count_once(common: frozenset[Fingerprint]) -> None:
    assert score("account", common) == score("account", prints(*{each.kind for each in common}))


def test_the_reason_names_what_is_common_strongest_first() -> None:
    found = Found(ID, "account", prints("name", "registration", "domain"))

    assert found.reason == "same registration number and same website and same name"
    assert found.kinds == ("registration", "domain", "name")
    assert found.score == 1


@pytest.mark.parametrize(
    ("before", "limit", "expected"),
    [
        (prints(), "1", True),
        (prints("name"), "1", True),
        (prints("email"), "1", False),
        (prints("name"), "0.5", False),
        (prints(), "0.5", True),
    ],
)
def test_only_a_change_that_made_it_a_duplicate_counts(
    before: frozenset[Fingerprint], limit: str, *, expected: bool
) -> None:
    found = Found(ID, "contact", prints("name", "email"))

    assert became_duplicate(found, before, Decimal(limit)) is expected


def test_below_the_limit_nothing_became_a_duplicate() -> None:
    assert not became_duplicate(Found(ID, "contact", prints("name")), prints(), Decimal(1))


def test_strict_refuses_what_is_reported() -> None:
    settings = {"block_at": Decimal(1), "report_at": Decimal("0.5"), "ignore_kinds": " phone ,name "}

    assert Policy.of(settings | {"strict": False}).refuse_at == 1
    assert Policy.of(settings | {"strict": True}).refuse_at == Decimal("0.5")
    assert Policy.of(settings | {"strict": True}).counted(prints(*KINDS)) == prints("email", "domain", "registration")
