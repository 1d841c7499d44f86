from __future__ import annotations

import pytest

from crm_duplicate_guard.extract import is_guarded, of_point, of_record


def test_an_account_is_known_by_its_names_website_and_registration() -> None:
    account = {
        "name": "Acme GmbH",
        "legal_name": "Acme Maschinenbau GmbH",
        "website": "https://www.acme.example",
        "registration_country": "DE",
        "registration_number": "HRB 1",
    }

    assert of_record("account", account) == {
        ("name", "acme"),
        ("name", "acme maschinenbau"),
        ("domain", "acme.example"),
        ("registration", "de:hrb1"),
    }


def test_a_contact_is_known_by_its_name() -> None:
    assert of_record("contact", {"name": "Ada LOVELACE", "title": "CTO"}) == {("name", "ada lovelace")}


def test_a_lead_is_known_by_its_name_and_how_to_reach_it() -> None:
    lead = {"name": "Ada", "email": "A@b.example", "phone": "0049 301234", "website": "b.example", "company": "B"}

    assert of_record("lead", lead) == {
        ("name", "ada"),
        ("email", "a@b.example"),
        ("phone", "+49301234"),
        ("domain", "b.example"),
    }


@pytest.mark.parametrize("record_type", ["account", "contact", "lead"])
def test_what_is_empty_is_no_fingerprint(record_type: str) -> None:
    assert of_record(record_type, {"name": "?", "email": None}) == frozenset()


def test_a_record_type_that_is_not_guarded_has_none() -> None:
    assert of_record("ticket", {"name": "Ada"}) == frozenset()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("email", "A@B.example", {("email", "a@b.example")}),
        ("phone", "+49 30 1234", {("phone", "+49301234")}),
        ("email", "nobody", set()),
        ("postal", "1 Main Street", set()),
        ("url", "https://acme.example", set()),
    ],
)
def test_a_contact_point_is_an_address_or_a_number(kind: str, value: str, expected: set[tuple[str, str]]) -> None:
    assert of_point({"kind": kind, "value": value}) == expected


def test_records_in_the_bin_and_converted_leads_do_not_count() -> None:
    assert is_guarded({"name": "Ada"})
    assert is_guarded({"deleted_at": None, "converted_at": None})
    assert not is_guarded({"deleted_at": "2026-01-31T12:00:00Z"})
    assert not is_guarded({"converted_at": "2026-01-31T12:00:00Z"})
