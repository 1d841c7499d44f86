from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from compat_tests.errors import ScenarioError
from compat_tests.scenario import load_folder, parse_scenario

if TYPE_CHECKING:
    from pathlib import Path

GET = {"do": {"method": "GET", "path": "/accounts"}}


def document(**members: Any) -> dict[str, Any]:
    return {"format": 1, "name": "one", "title": "One", "plugin": "loyalty", "steps": [GET], **members}


def test_steps_and_final_states_are_one_story() -> None:
    scenario = parse_scenario(document(steps=[GET, {"run": "job", "job": "expire"}], final=[GET]), "one.json")

    assert [(step.number, step.title, step.role) for step in scenario.steps] == [
        (1, "GET /accounts", "administrator"),
        (2, "run expire", "administrator"),
        (3, "GET /accounts", "administrator"),
    ]


def test_it_is_recorded_when_every_step_expects_something() -> None:
    recorded = {**GET, "expect": {"status": 200}}

    assert parse_scenario(document(steps=[recorded], final=[recorded]), "one.json").is_recorded
    assert not parse_scenario(document(steps=[recorded, GET]), "one.json").is_recorded


def test_the_plugin_comes_after_those_it_needs() -> None:
    assert parse_scenario(document(**{"with": ["base"]}), "one.json").plugins == ("base", "loyalty")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": 2}, "not a scenario of format 1"),
        ({"name": ""}, "name: a text is missing"),
        ({"steps": []}, "nothing would be tested"),
        ({"steps": {}}, "steps: a list is needed"),
        ({"stepz": []}, "stepz: unknown"),
        ({"steps": [{}]}, "step 1: write either"),
        ({"steps": [{**GET, "run": "relay"}]}, "step 1: write either"),
        ({"steps": [{**GET, "expects": {}}]}, "step 1: expects: unknown"),
        ({"steps": [{"do": {"method": "SEND", "path": "/"}}]}, "do: a method of"),
        ({"steps": [{"do": {"method": "GET", "path": "accounts"}}]}, "a path from / on"),
        ({"steps": [{"run": "job"}]}, "step 1: write {"),
        ({"steps": [{"run": "relay", "job": "x"}]}, "step 1: write {"),
        ({"steps": [{"run": "reinstall", "data": "purge"}]}, "data: keep or export"),
    ],
)
def test_mistakes_are_named_with_their_place(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse_scenario(document(**wrong), "one.json")

    assert str(error.value).startswith("one.json: ")
    assert message in str(error.value)


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(document()), "utf-8")

    with pytest.raises(ScenarioError, match="two scenarios are named one"):
        load_folder(tmp_path)


def test_no_folder_has_no_scenarios(tmp_path: Path) -> None:
    assert load_folder(tmp_path / "nowhere") == ()


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", "utf-8")

    with pytest.raises(ScenarioError, match=r"a\.json: cannot be read as JSON"):
        load_folder(tmp_path)
