from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.db.texts import MAX_PATTERN, lower

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


@pytest.fixture
def names(client: BlockingClient) -> BlockingClient:
    for name in ("ÄRZTE", "Ärzte 50%", "ΣΑΣ", "İzmir", "a_b"):
        client.made("/accounts", {"name": name})
    return client


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ärzte", ["ÄRZTE", "Ärzte 50%"]),
        ("\N{GREEK SMALL LETTER SIGMA}ΑΣ", ["ΣΑΣ"]),
        ("izmir", ["İzmir"]),
        ("0%", ["Ärzte 50%"]),
        ("A_", ["a_b"]),
    ],
)
def test_case_does_not_matter_in_any_script(names: BlockingClient, pattern: str, found: list[str]) -> None:
    answer = names.get("/accounts", **{"name[contains]": pattern, "sort": "id"})
    assert [row["name"] for row in answer.json()["data"]] == found


@pytest.mark.parametrize("pattern", ["x" * (MAX_PATTERN + 1), "a\0b"])
def test_patterns_one_database_refuses_are_refused(client: BlockingClient, pattern: str) -> None:
    answer = client.get("/accounts", **{"name[contains]": pattern})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_longest_pattern(client: BlockingClient) -> None:
    assert client.get("/accounts", **{"name[contains]": "x" * MAX_PATTERN}).json()["data"] == []


def test_letters_do_not_depend_on_their_neighbours() -> None:
    assert (lower("ΟΔΟΣ"), lower("İ"), lower(None), lower("ABC")) == ("οδοσ", "i", None, "abc")
