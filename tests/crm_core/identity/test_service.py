from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.identity.service import normal_login

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


@pytest.mark.parametrize(
    ("given", "stored"),
    [(" Ann ", "ann"), ("ÄNNE", "änne"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("  ", None)],
)
def test_a_login_has_one_form(given: str, stored: str | None) -> None:
    assert normal_login(given) == stored


def test_logins_that_differ_in_case_are_one(client: BlockingClient) -> None:
    made = client.made("/principals", {"kind": "user", "name": "Änne", "login": " ÄNNE "})
    assert made["login"] == "änne"
    answer = client.post("/principals", {"kind": "user", "name": "Other", "login": "Änne"})
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")
    assert client.patch(f"/principals/{made['id']}", {"login": "ANNE"}).json()["login"] == "anne"


def test_a_kind_is_for_good(client: BlockingClient) -> None:
    role = client.made("/principals", {"kind": "role", "name": "buyer"})
    answer = client.patch(f"/principals/{role['id']}", {"kind": "team"})
    assert answer.json()["issues"][0]["code"] == "kind_fixed"


def test_keys_of_an_inactive_or_deleted_principal_do_not_work(client: BlockingClient) -> None:
    sales = client.role("sales")
    me = sales.get("/me").json()["principal"]["id"]
    client.patch(f"/principals/{me}", {"active": False})
    assert sales.get("/me").status_code == 401
    client.patch(f"/principals/{me}", {"active": True})
    assert sales.get("/me").status_code == 200
    client.delete(f"/principals/{me}")
    assert sales.get("/me").status_code == 401
