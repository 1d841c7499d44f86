from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.contacts.service import normalized
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("email", "  Ada.Lovelace@EXAMPLE.org ", "ada.lovelace@example.org"),
        ("email", "ada@STRASSE.example", "ada@strasse.example"),
        ("email", "ada@Straße.example", "ada@strasse.example"),
        ("email", "Nobody", "nobody"),
        ("phone", " +49 (0)30 / 901-820 ", "+49030901820"),
        ("phone", "030 901820", "030901820"),
        ("phone", "٠٣٠ 12", "03012"),
        ("phone", "call me", None),
        ("url", "HTTPS://User@Example.ORG:8443/Path/", "https://User@example.org:8443/Path"),
        ("url", "Example.org/", "example.org"),
        ("url", "example.org/A?b=C#d", "example.org/A?b=C#d"),
        ("url", "http://[broken", "http://[broken"),
        ("postal", "Unter den  Linden 6\n10117 Berlin", "unter den linden 6 10117 berlin"),
        ("im", " Ada ", "ada"),
        ("im", "   ", None),
    ],
)
def test_equal_contact_points_have_one_form(kind: str, value: str, form: str | None) -> None:
    assert normalized(kind, value) == form


@given(kind=st.sampled_from(["email", "phone", "url", "postal"]), value=st.text(max_size=30))
def test_the_form_of_a_form_is_itself(kind: str, value: str) -> None:
    form = normalized(kind, value)
    assert form is None or normalized(kind, form) == form


@given(local=st.text("abcXYZ.", min_size=1), domain=st.text("abcXYZß", min_size=1), around=st.text(" \t\n"))
def test_case_and_spaces_never_matter_in_an_address(local: str, domain: str, around: str) -> None:
    value = f"{local}@{domain}"
    assert normalized("email", value) == normalized("email", f"{around}{value.upper()}{around}")


@pytest.fixture
def person(client: BlockingClient) -> dict[str, Any]:
    return client.made("/contacts", {"name": "Ada"})


def _point(client: BlockingClient, record: dict[str, Any], value: str, **more: Any) -> dict[str, Any]:
    return client.made("/contact-points", {"record_id": record["id"], "kind": "email", "value": value, **more})


def test_the_core_normalizes_what_is_stored(client: BlockingClient, person: dict[str, Any]) -> None:
    point = _point(client, person, "Ada@Example.org")
    assert (point["value"], point["normalized"]) == ("Ada@Example.org", "ada@example.org")
    changed = client.patch(f"/contact-points/{point['id']}", {"value": "A@B.C"}).json()
    assert changed["normalized"] == "a@b.c"
    assert (
        client.patch(f"/contact-points/{point['id']}", {"kind": "phone", "value": "+1 2"}).json()["normalized"] == "+12"
    )
    found = client.get("/contact-points", kind="phone", normalized="+12").json()["data"]
    assert [each["id"] for each in found] == [point["id"]]
    answer = client.patch(f"/contact-points/{point['id']}", {"normalized": "x"})
    assert answer.status_code == 422


_FORMATTER = """
from plugin_sdk import Patch, hookimpl

@hookimpl
def record_before_write(operation, old, new):
    return Patch({"value": new["value"].replace("(at)", "@")})
"""


def test_what_a_plugin_patches_is_normalized_too(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("formatter", _FORMATTER, '[hooks.record_before_write]\nrecord_types = ["contact_point"]')

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            client = app.client()
            person = (await client.post("/contacts", json={"name": "Ada"})).json()
            body = {"record_id": person["id"], "kind": "email", "value": "A(at)B.c"}
            point = (await client.post("/contact-points", json=body)).json()
            assert (point["value"], point["normalized"]) == ("A@B.c", "a@b.c")
            path = f"/contact-points/{point['id']}"
            assert (await client.patch(path, json={"value": "D(at)e"})).json()["normalized"] == "d@e"

    run(scenario())


def _primaries(client: BlockingClient) -> list[str]:
    return [point["value"] for point in client.get("/contact-points", is_primary="true").json()["data"]]


def test_the_newest_primary_of_a_kind_is_the_only_one(client: BlockingClient, person: dict[str, Any]) -> None:
    other = client.made("/accounts", {"name": "Acme"})
    first = _point(client, person, "1", is_primary=True)
    _point(client, person, "phone", kind="phone", is_primary=True)
    _point(client, other, "elsewhere", is_primary=True)
    second = _point(client, person, "2", is_primary=True)
    assert _primaries(client) == ["phone", "elsewhere", "2"]
    demoted = client.get(f"/contact-points/{first['id']}").json()
    assert (demoted["is_primary"], demoted["version"]) == (False, 2)

    client.patch(f"/contact-points/{first['id']}", {"is_primary": True})
    assert _primaries(client) == ["1", "phone", "elsewhere"]
    client.patch(f"/contact-points/{second['id']}", {"purpose": "work"})
    assert _primaries(client) == ["1", "phone", "elsewhere"]
    client.delete(f"/contact-points/{first['id']}")
    client.patch(f"/contact-points/{second['id']}", {"is_primary": True})
    client.post(f"/contact-points/{first['id']}/restore")
    assert _primaries(client) == ["1", "phone", "elsewhere"]


def test_primaries_made_at_once_leave_one(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            person = (await client.post("/contacts", json={"name": "Ada"})).json()
            body = {"record_id": person["id"], "kind": "email", "is_primary": True}
            answers = await asyncio.gather(
                *(client.post("/contact-points", json={**body, "value": str(index)}) for index in range(8))
            )
            assert {answer.status_code for answer in answers} == {201}
            found = (await client.get("/contact-points", params={"is_primary": "true"})).json()["data"]
            assert len(found) == 1

    run(scenario())
