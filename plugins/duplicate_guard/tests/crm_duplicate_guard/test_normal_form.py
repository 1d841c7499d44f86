from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_duplicate_guard.normal_form import clean_email, clean_text, clean_website, corrections


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (" WWW.Acme.Example ", "https://www.acme.example"),
        ("HTTPS://Acme.Example/", "https://acme.example"),
        ("http://acme.example/About?Q=1", "http://acme.example/About?Q=1"),
        ("Acme.example:8080/Shop/", "https://acme.example:8080/Shop/"),
        ("Acme.example?Q=1", "https://acme.example?Q=1"),
        ("https://User@acme.example", "https://User@acme.example"),
        ("ask  Peter", "ask Peter"),
        ("unknown", "unknown"),
        ("mailto:ada@engine.example", "mailto:ada@engine.example"),
        ("  ", ""),
    ],
)
def test_a_website_has_scheme_and_host_in_lower_case(written: str, expected: str) -> None:
    assert clean_website(written) == expected


@given(st.text() | st.from_regex(r" ?([Hh]ttps?://)?[A-Za-z.]{1,12}(:[0-9]{1,2})?/?[A-Za-z ]{0,3}", fullmatch=True))
def test_what_is_in_its_usual_form_stays(text: str) -> None:
    for clean in (clean_text, clean_email, clean_website):
        assert clean(clean(text)) == clean(text)


def test_only_fields_that_differ_are_corrected() -> None:
    lead = {
        "name": " Ada   Lovelace ",
        "company": "Engine Ltd",
        "title": "  ",
        "email": "Ada@Engine.Example",
        "phone": None,
        "website": "engine.example/",
        "description": "  kept  as it is ",
    }

    assert corrections("lead", lead) == {
        "name": "Ada Lovelace",
        "title": None,
        "email": "ada@engine.example",
        "website": "https://engine.example",
    }
    assert corrections("lead", lead, {"email", "company"}) == {"email": "ada@engine.example"}


def test_a_name_of_blanks_is_left_to_the_core() -> None:
    assert corrections("account", {"name": "  ", "legal_name": " "}) == {"legal_name": None}


def test_a_record_type_that_is_not_guarded_is_left_alone() -> None:
    assert corrections("ticket", {"name": "  x  "}) == {}


@given(
    st.sampled_from(["account", "contact", "lead"]),
    st.dictionaries(st.sampled_from(["name", "email", "website"]), st.text()),
)
def test_a_corrected_record_needs_no_correction(record_type: str, values: dict[str, str]) -> None:
    corrected = values | corrections(record_type, values)

    assert corrections(record_type, corrected) == {}
