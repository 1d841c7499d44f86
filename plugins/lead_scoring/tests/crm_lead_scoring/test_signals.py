from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_lead_scoring.rules import read_rules
from crm_lead_scoring.signals import Signals, find_keyword, is_company_email, read_signals
from plugin_sdk import Manifest

MANIFEST = Manifest.parse((files("crm_lead_scoring") / "crm-plugin.toml").read_bytes())
RULES = read_rules(MANIFEST.validate_settings({}))
FREE = frozenset({"gmail.com", "yahoo.com"})


@pytest.mark.parametrize(
    "email", ["ada@engine.example", "Ada@Engine.Example", "a.b+c@mail.engine.example", "x@notgmail.com"]
)
def test_an_address_at_a_domain_of_its_own_is_a_company_address(email: str) -> None:
    assert is_company_email(email, FREE)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@engine.example",
        "ada@",
        "ada@localhost",
        "ada@.",
        "ada@gmail.com",
        "ADA@GMAIL.COM",
        "a@mail.yahoo.com",
    ],
)
def test_free_mail_and_what_is_no_address_are_not(email: str) -> None:
    assert not is_company_email(email, FREE)


@given(name=st.text(min_size=1), domain=st.sampled_from(sorted(FREE)), upper=st.booleans())
def test_nothing_at_a_free_mail_domain_is_a_company_address(name: str, domain: str, *, upper: bool) -> None:
    address = f"{name}@{domain}"

    assert not is_company_email(address.upper() if upper else address, FREE)


@pytest.mark.parametrize(
    ("title", "keyword"),
    [
        ("CTO", "cto"),
        ("Head of Sales", "head"),
        ("Sales-Director (EMEA)", "director"),
        ("managing  director", "director"),
        ("Geschäftsführerin", "geschäftsführer"),
        ("公司总经理", "总经理"),
        ("Directory maintainer", None),
        ("Arrowhead sharpener", None),
        ("", None),
    ],
)
def test_a_keyword_is_found_as_a_word(title: str, keyword: str | None) -> None:
    assert find_keyword(title, ("cto", "head", "director", "geschäftsführer", "总经理")) == keyword


def test_a_keyword_of_two_words_is_found() -> None:
    assert find_keyword("Vice  President, Europe", ("vice president",)) == "vice president"


def test_a_lead_is_read_field_by_field() -> None:
    lead = {
        "email": "ada@engine.example",
        "phone": " ",
        "company": "Engine Ltd",
        "website": None,
        "title": "Chief Engineer",
        "source": " Referral ",
    }

    assert read_signals(lead, RULES, stage="New", activities=2) == Signals(
        company_email=True,
        company=True,
        title_keyword="chief",
        source="referral",
        stage="new",
        activities=2,
    )


def test_a_lead_without_any_field_has_no_signals() -> None:
    assert read_signals({}, RULES) == Signals()
