from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_duplicate_guard import fingerprints as form
from crm_duplicate_guard.fingerprints import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS = [form.fold, form.person_name, form.company_name, form.email, form.phone, form.domain]


def wide(text: str) -> str:
    """Return a text in the full-width characters of East Asian keyboards."""
    return "".join(chr(ord(character) + 0xFEE0) if character > " " else "\u3000" for character in text)


# What people type: words of several scripts, and the punctuation that comes with them.
LATIN = ["Acme", "GmbH", "Co.", "KG", "Ltd", "O'Neill", "Müller", "ﬁ", "ß", "İ", "é", "e\u0301", "Straße", "www."]
OTHERS = ["上海机械", "有限公司", "株式会社", wide("Acme"), "٣", "\u200b"]
PUNCTUATION = ["+49", "(0)", "00", "123", "@", ".example", "://", "ext"]
WORDS = st.sampled_from([*LATIN, *OTHERS, *PUNCTUATION])
TEXTS = st.text() | st.lists(WORDS, max_size=8).map("".join) | st.lists(WORDS, max_size=8).map(" ".join)


def keeps_case_apart(character: str) -> bool:
    """Say whether Unicode itself does not fold the upper form of a character to the same: the dotless i, for one."""
    return character.upper().casefold() != character.casefold()


APART = "".join(filter(keeps_case_apart, map(chr, range(sys.maxunicode + 1))))


@pytest.mark.parametrize("function", FORMS)
@given(text=TEXTS)
def test_a_form_of_a_form_is_the_form(function: Callable[[str], str], text: str) -> None:
    once = function(text)

    assert function(once) == once


@pytest.mark.parametrize("function", FORMS)
@given(text=st.text(st.characters(exclude_characters=APART, exclude_categories=["Cs"])))
def test_case_makes_no_difference(function: Callable[[str], str], text: str) -> None:
    assert function(text.upper()) == function(text)


@pytest.mark.parametrize("function", [form.person_name, form.company_name])
@given(words=st.lists(WORDS, max_size=6), blanks=st.lists(st.sampled_from(" \t\n\u00a0\u3000"), min_size=1, max_size=3))
def test_the_kind_and_number_of_blanks_make_no_difference(
    function: Callable[[str], str], words: list[str], blanks: list[str]
) -> None:
    blank = "".join(blanks)

    assert function(f"{blank}{blank.join(words)}{blank}") == function(" ".join(words))


@pytest.mark.parametrize("function", [form.email, form.domain])
@given(text=TEXTS, at=st.integers(0, 20))
def test_blanks_inside_addresses_make_no_difference(function: Callable[[str], str], text: str, at: int) -> None:
    assert function(f" {text[:at]} {text[at:]} ") == function(text)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Acme GmbH", "acme"),
        ("ACME G.m.b.H.", "acme"),
        ("Acme GmbH & Co. KG", "acme"),
        ("Acme, Inc.", "acme"),
        ("Acme Ltd", "acme"),
        ("Acme S.A.", "acme"),
        ("Acme Sp. z o.o.", "acme"),
        (wide("ACME Ltd"), "acme"),
        ("Müller & Söhne OHG", "müller söhne"),
        ("Mu\u0308ller & So\u0308hne", "müller söhne"),
        ("O'Neill Company", "oneill"),
        ("O\u2019Neill Co", "oneill"),
        ("上海机械有限公司", "上海机械"),
        ("上海机械股份有限公司", "上海机械"),
        ("株式会社トヨタ", "トヨタ"),
        ("Straße AG", "strasse"),
        ("STRASSE AG", "strasse"),
        ("GmbH", "gmbh"),
        ("有限公司", "有限公司"),
        ("Co-op", "co op"),
        ("Ac\u200bme", "acme"),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_a_company_is_its_name_without_its_form(written: str, expected: str) -> None:
    assert form.company_name(written) == expected


def test_a_person_keeps_words_that_are_forms_of_companies() -> None:
    assert form.person_name("Ada  CO") == "ada co"


def test_marks_that_are_part_of_letters_stay() -> None:
    assert form.person_name("हिन्दी") == "हिन्दी"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Ada@Engine.Example", "ada@engine.example"),
        (" ada @engine.example\u200b", "ada@engine.example"),
        ("ada", ""),
        ("@engine.example", ""),
        ("ada@", ""),
        ("ada@b@c", ""),
    ],
)
def test_an_address_has_one_at_sign(written: str, expected: str) -> None:
    assert form.email(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+49 (0)30 1234-567", "+49301234567"),
        ("0049 30 1234567", "+49301234567"),
        ("tel:+49-30-1234567", "+49301234567"),
        ("(+49) 30/1234567", "+49301234567"),
        ("030 1234567", "0301234567"),
        ("+1 555 123 4567 ext. 89", "+15551234567"),
        ("+1 555 123 4567 x89", "+15551234567"),
        ("+٤٩ ٣٠ ١٢٣٤٥٦٧", "+49301234567"),
        (wide("+49 30 1234567"), "+49301234567"),
        ("12345", ""),
        ("none", ""),
    ],
)
def test_a_number_is_its_digits(written: str, expected: str) -> None:
    assert form.phone(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://www.Acme.Example/about?x=1", "acme.example"),
        ("HTTP://acme.example", "acme.example"),
        ("acme.example:8080/", "acme.example"),
        ("www.acme.example.", "acme.example"),
        ("https://user:secret@acme.example/", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("例え。example", "xn--r8jz45g.example"),
        ("shop.acme.example", "shop.acme.example"),
        ("https://www.linkedin.com/company/acme", ""),
        ("localhost", ""),
        ("not a website", ""),
        ("a..b", ""),
    ],
)
def test_a_website_is_its_host(written: str, expected: str) -> None:
    assert form.domain(written) == expected


@pytest.mark.parametrize(
    ("country", "number", "expected"),
    [
        ("DE", "HRB 12345 B", "de:hrb12345b"),
        ("de", "DE 123 456 789", "de:123456789"),
        ("", "12-34", ":1234"),
        ("DE", "DE", ""),
        ("DE", " - ", ""),
        ("", "", ""),
    ],
)
def test_a_registration_is_country_and_number(country: str, number: str, expected: str) -> None:
    assert form.registration(country, number) == expected


@given(st.sampled_from(["", "de", "CN", "gb"]), TEXTS)
def test_a_registration_of_a_registration_is_the_same(country: str, number: str) -> None:
    once = form.registration(country, number)

    assert form.registration(country, once.partition(":")[2]) == once


@given(st.text(min_size=121))
def test_a_long_value_is_cut_but_stays_apart_from_others(value: str) -> None:
    short = fingerprint("name", value)

    assert len(short.value) == 97
    assert fingerprint("name", f"{value}x").value != short.value
    assert fingerprint("name", short.value) == short


@given(st.text(max_size=120))
def test_a_short_value_stays_as_it_is(value: str) -> None:
    assert fingerprint("email", value) == ("email", value)
