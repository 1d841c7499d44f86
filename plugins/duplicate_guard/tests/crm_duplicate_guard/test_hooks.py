from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugin_sdk.testing.tenant import Crm

ACME = {"name": "Acme GmbH", "registration_country": "DE", "registration_number": "HRB 12345"}


def refused(crm: Crm, method: str, path: str, **body: Any) -> dict[str, Any]:
    """Return the one issue of a request that is refused as a duplicate."""
    (issue,) = crm.client.expect(422, method, path, json=body or None)["issues"]
    assert issue["code"] == "duplicate_record"
    assert issue["source"] == "duplicate_guard@1.0.0"
    found: dict[str, Any] = issue
    return found


def with_email(crm: Crm, name: str, address: str) -> str:
    """Create a contact with an e-mail address and return its id."""
    contact = str(crm.client.create("contacts", name=name)["id"])
    crm.client.create("contact-points", record_id=contact, kind="email", value=address)
    return contact


@pytest.fixture
def guarded(crm: Crm) -> Crm:
    """Give a tenant with the plugin enabled as it comes."""
    crm.enable()
    return crm


def test_new_records_are_brought_into_their_usual_form(guarded: Crm) -> None:
    lead = guarded.client.create(
        "leads", name=" Ada   Lovelace ", email="Ada@Engine.Example", website="ENGINE.example/"
    )
    account = guarded.client.create("accounts", name="Acme\tGmbH", website="HTTP://Acme.Example/Shop")

    assert (lead["name"], lead["email"], lead["website"]) == (
        "Ada Lovelace",
        "ada@engine.example",
        "https://engine.example",
    )
    assert (account["name"], account["website"]) == ("Acme GmbH", "http://acme.example/Shop")


def test_changed_fields_are_too_and_others_stay(crm: Crm) -> None:
    lead = crm.client.create("leads", name=" Ada ", email="Ada@Engine.Example")
    crm.enable()

    changed = crm.client.update("leads", lead["id"], email="ADA@Engine.Example", phone=" 1  2 ")

    assert (changed["name"], changed["email"], changed["phone"]) == (" Ada ", "ada@engine.example", "1 2")


def test_a_second_account_with_the_same_registration_is_refused(guarded: Crm) -> None:
    first = guarded.client.create("accounts", **ACME)

    issue = refused(
        guarded, "POST", "accounts", name="Something else", registration_country="de", registration_number="hrb12345"
    )

    assert first["id"] in issue["message"]
    assert "same registration number" in issue["message"]
    assert len(guarded.client.list("accounts")) == 1


def test_a_second_lead_with_the_same_address_is_refused(guarded: Crm) -> None:
    guarded.client.create("leads", name="Ada", email="ada@engine.example")

    assert (
        "same e-mail address" in refused(guarded, "POST", "leads", name="A. L.", email=" ADA@engine.example")["message"]
    )


def test_the_same_name_is_no_reason_to_refuse(guarded: Crm) -> None:
    guarded.client.create("accounts", name="Acme GmbH")

    assert guarded.client.create("accounts", name="ACME Ltd.")["name"] == "ACME Ltd."


def test_a_lower_limit_refuses_hints_that_add_up(crm: Crm) -> None:
    crm.enable(block_at="0.85")
    crm.client.create("accounts", name="上海机械有限公司", website="https://www.shanghai.example")

    crm.client.create("accounts", name="上海机械股份有限公司")
    issue = refused(crm, "POST", "accounts", name="上海机械", website="shanghai.example/about")

    assert "same website and same name" in issue["message"]


def test_records_are_compared_with_their_own_type_only(guarded: Crm) -> None:
    with_email(guarded, "Ada Lovelace", "ada@engine.example")

    assert guarded.client.create("leads", name="Ada Lovelace", email="ada@engine.example")["version"] == 1


def test_records_are_compared_inside_their_tenant_only(guarded: Crm) -> None:
    other = guarded.another()
    other.enable()
    other.client.create("accounts", **ACME)

    assert guarded.client.create("accounts", **ACME)["version"] == 1


def test_a_change_that_makes_a_duplicate_is_refused(guarded: Crm) -> None:
    first = guarded.client.create("accounts", **ACME)
    second = guarded.client.create("accounts", name="Acme Berlin")

    issue = refused(
        guarded, "PATCH", f"accounts/{second['id']}", registration_country="DE", registration_number="HRB 12345"
    )

    assert first["id"] in issue["message"]
    assert issue["field"] == "registration_number"
    assert guarded.client.read("accounts", second["id"]) == second


def test_a_record_may_be_changed_without_being_its_own_duplicate(guarded: Crm) -> None:
    account = guarded.client.create("accounts", **ACME)

    changed = guarded.client.update("accounts", account["id"], name="Acme AG", registration_number="hrb 12345")

    assert changed["version"] == 2


def test_duplicates_from_before_can_still_be_worked_on(crm: Crm) -> None:
    crm.client.create("accounts", **ACME)
    second = crm.client.create("accounts", **ACME)
    crm.enable()

    assert crm.client.update("accounts", second["id"], name="Acme Berlin GmbH")["version"] == 2


def test_what_a_record_no_longer_says_is_free_again(guarded: Crm) -> None:
    lead = guarded.client.create("leads", name="Ada", email="ada@engine.example")
    guarded.client.update("leads", lead["id"], email="countess@engine.example")

    assert guarded.client.create("leads", name="Ada", email="ada@engine.example")["version"] == 1
    refused(guarded, "POST", "leads", name="Ada", email="countess@engine.example")


def test_a_deleted_record_is_no_duplicate_and_may_not_come_back_as_one(guarded: Crm) -> None:
    first = guarded.client.create("leads", name="Ada", email="ada@engine.example")
    guarded.client.remove("leads", first["id"])
    second = guarded.client.create("leads", name="Ada", email="ada@engine.example")

    assert second["id"] in refused(guarded, "POST", f"leads/{first['id']}/restore")["message"]
    guarded.client.remove("leads", second["id"])
    guarded.client.expect(200, "POST", f"leads/{first['id']}/restore")
    refused(guarded, "POST", "leads", name="Ada", email="ada@engine.example")


def test_a_converted_lead_does_not_keep_the_customer_from_asking_again(guarded: Crm) -> None:
    lead = guarded.client.create("leads", name="Ada", email="ada@engine.example", company="Engine Ltd")
    guarded.client.expect(200, "POST", f"leads/{lead['id']}/convert", json={})

    assert guarded.client.create("leads", name="Ada", email="ada@engine.example")["version"] == 1


def test_a_contact_point_that_makes_a_duplicate_is_refused(guarded: Crm) -> None:
    first = with_email(guarded, "Ada Lovelace", "ada@engine.example")
    second = guarded.client.create("contacts", name="A. Lovelace")["id"]

    issue = refused(guarded, "POST", "contact-points", record_id=second, kind="email", value="ADA@Engine.example")

    assert first in issue["message"]
    assert issue["field"] == "value"


def test_an_address_moves_on_with_its_contact_point(guarded: Crm) -> None:
    first, second = (guarded.client.create("contacts", name=name)["id"] for name in ("Ada", "Bob"))
    point = guarded.client.create("contact-points", record_id=first, kind="email", value="office@engine.example")["id"]

    guarded.client.update("contact-points", point, value="ada@engine.example")
    guarded.client.create("contact-points", record_id=second, kind="email", value="office@engine.example")
    refused(guarded, "POST", "contact-points", record_id=second, kind="email", value="ada@engine.example")
    guarded.client.remove("contact-points", point)
    guarded.client.create("contact-points", record_id=second, kind="email", value="ada@engine.example")

    third = guarded.client.create("contacts", name="Cleo")["id"]
    assert (
        second
        in refused(guarded, "POST", "contact-points", record_id=third, kind="email", value="ada@engine.example")[
            "message"
        ]
    )


def test_contact_points_that_reach_nobody_by_name_are_no_concern(guarded: Crm) -> None:
    one, other = (guarded.client.create("contacts", name=name)["id"] for name in ("Ada", "Bob"))

    for contact in (one, other):
        guarded.client.create("contact-points", record_id=contact, kind="postal", value="1 Main Street")
        guarded.client.create("contact-points", record_id=contact, kind="phone", value="+44 20 1234567")

    assert len(guarded.client.list("contact-points")) == 4


def test_kinds_that_are_ignored_do_not_count(crm: Crm) -> None:
    crm.enable(ignore_kinds="email, phone")
    crm.client.create("leads", name="Ada", email="office@engine.example")

    assert crm.client.create("leads", name="Bob", email="office@engine.example")["version"] == 1


def test_strict_refuses_what_is_otherwise_reported(crm: Crm) -> None:
    crm.enable(strict=True)
    first = crm.client.create("accounts", name="Acme GmbH")

    issue = refused(crm, "POST", "accounts", name="ACME Inc.")

    assert first["id"] in issue["message"]
    assert "score 0.5, refused from 0.5" in issue["message"]


def test_merging_keeps_the_winner_guarded_and_frees_the_loser(guarded: Crm) -> None:
    winner = with_email(guarded, "Ada Lovelace", "ada@engine.example")
    loser = with_email(guarded, "Countess Lovelace", "countess@engine.example")

    guarded.client.expect(200, "POST", f"contacts/{winner}/merge", json={"loser_id": loser})

    third = guarded.client.create("contacts", name="Cleo")["id"]
    for address in ("ada@engine.example", "countess@engine.example"):
        issue = refused(guarded, "POST", "contact-points", record_id=third, kind="email", value=address)
        assert winner in issue["message"]


def test_records_from_before_are_guarded_once_it_is_enabled(crm: Crm) -> None:
    account = crm.client.create("accounts", **ACME)
    contact = with_email(crm, "Ada", "ada@engine.example")
    lead = crm.client.create("leads", name="Bob", email="bob@engine.example")
    crm.enable()
    other = crm.client.create("contacts", name="Cleo")["id"]

    assert account["id"] in refused(crm, "POST", "accounts", **ACME)["message"]
    assert lead["id"] in refused(crm, "POST", "leads", name="Bob", email="bob@engine.example")["message"]
    issue = refused(crm, "POST", "contact-points", record_id=other, kind="email", value="ada@engine.example")
    assert contact in issue["message"]


def test_more_records_than_a_page_are_built(crm: Crm) -> None:
    rows = [{"create": {"name": f"Lead {number}", "email": f"lead{number}@engine.example"}} for number in range(230)]
    crm.client.expect(200, "POST", "leads/bulk", json={"operations": rows})
    crm.enable()

    refused(crm, "POST", "leads", name="Somebody", email="lead0@engine.example")
    refused(crm, "POST", "leads", name="Somebody", email="lead229@engine.example")


def test_what_changes_while_it_is_disabled_is_seen_when_it_is_enabled_again(guarded: Crm) -> None:
    lead = guarded.client.create("leads", name="Ada", email="ada@engine.example")
    guarded.disable()
    guarded.client.update("leads", lead["id"], email="countess@engine.example")
    guarded.enable()

    assert guarded.client.create("leads", name="Bob", email="ada@engine.example")["version"] == 1
    refused(guarded, "POST", "leads", name="Cleo", email="countess@engine.example")


def test_a_kind_that_does_not_exist_cannot_be_ignored(crm: Crm) -> None:
    answer = crm.client.post("plugins/duplicate_guard/enable", json={"settings": {"ignore_kinds": "fax"}})

    assert answer.status == 422
    assert "ignore_kinds" in answer.json["detail"]
