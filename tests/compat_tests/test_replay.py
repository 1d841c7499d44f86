from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from compat_tests.client import Answer
from compat_tests.console import Done
from compat_tests.errors import ServerGone
from compat_tests.model import Outcome
from compat_tests.replay import record, replay
from compat_tests.scenario import Scenario, parse_scenario
from compat_tests.variables import MissingVariable

if TYPE_CHECKING:
    from collections.abc import Mapping

ID = "01a20be4-3201-781f-95f0-7f0dad37e27b"


@dataclass
class Told:
    """A stage whose server answers what the test has written down."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    code: int = 0
    gone: str = ""

    def request(
        self, method: str, path: str, *, role: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        del body, headers
        self.asked.append((f"{method} {path}", role))
        if path == self.gone:
            raise ServerGone("the server did not answer")
        return self.answers.get(f"{method} {path}", Answer(200, {"warnings": []}, {}))

    def relay(self) -> Done:
        return Done(self.code, "", "the relay failed")

    def job(self, plugin: str, name: str) -> Done:
        self.asked.append((f"job {plugin}.{name}", ""))
        return Done(self.code, "", "the job failed")

    def reinstall(self, plugin: str, data: str) -> Done:
        self.asked.append((f"reinstall {plugin} {data}", ""))
        return Done(self.code, "", "")


STORY: dict[str, Any] = {
    "format": 1,
    "name": "story",
    "title": "An account is made and read",
    "plugin": "loyalty",
    "hooks": ["record_load"],
    "steps": [
        {
            "do": {"method": "POST", "path": "/accounts", "json": {"name": "Ada"}},
            "as": "sales",
            "save": {"account": "$.id"},
        },
        {"run": "job", "job": "expire"},
    ],
    "final": [{"do": {"method": "GET", "path": "/accounts/${account}"}}],
}


def server(**changes: Any) -> Told:
    body = {"id": ID, "name": "Ada", "created_at": "2026-11-24T05:00:00Z"}
    made = Answer(201, body, {"etag": '"1"'})
    read = {key: value for key, value in (body | changes).items() if value is not None}
    return Told({"POST /accounts": made, f"GET /accounts/{ID}": Answer(200, read, {})})


def recorded() -> Scenario:
    """Return the story as it was recorded from the server above."""
    document = copy.deepcopy(STORY)
    expects = record(parse_scenario(document, "story.json"), server())
    for step, expect in zip([*document["steps"], *document["final"]], expects, strict=True):
        step["expect"] = expect
    return parse_scenario(document, "story.json")


def outcomes(stage: Told) -> list[Outcome]:
    return [check.outcome for check in replay(recorded(), stage)]


def test_recording_masks_and_names() -> None:
    first, second, last = (step.raw["expect"] for step in recorded().steps)

    body = {"id": "${account}", "name": "Ada", "created_at": "<time>"}
    assert first == {"status": 201, "headers": {"etag": '"1"'}, "body": body}
    assert second == {"code": 0}
    assert last == {"status": 200, "body": body}


def test_the_same_server_passes_every_step() -> None:
    stage = server()

    checks = replay(recorded(), stage)

    assert [(check.name, check.outcome) for check in checks] == [
        ("loyalty/story: enable", Outcome.PASS),
        ("loyalty/story: 1 POST /accounts", Outcome.PASS),
        ("loyalty/story: 2 run expire", Outcome.PASS),
        ("loyalty/story: 3 GET /accounts/${account}", Outcome.PASS),
    ]
    assert stage.asked == [
        ("POST /plugins/loyalty/enable", "administrator"),
        ("POST /accounts", "sales"),
        ("job loyalty.expire", ""),
        (f"GET /accounts/{ID}", "administrator"),
    ]


def test_a_changed_field_is_the_cause() -> None:
    *_, last = replay(recorded(), server(name="Bob"))

    assert last.outcome is Outcome.FAIL
    assert last.cause is not None
    assert (last.cause.where, last.cause.field) == ("GET /accounts/${account}", "$.body.name")
    assert (last.cause.expected, last.cause.found, last.cause.hooks) == ("Ada", "Bob", ("record_load",))


def test_a_missing_field_is_the_cause() -> None:
    *_, last = replay(recorded(), server(name=None))

    assert last.cause is not None
    assert (last.cause.field, last.cause.found) == ("$.body.name", "(missing)")


def test_a_new_field_is_told_and_passes() -> None:
    *_, last = replay(recorded(), server(nickname="A"))

    assert (last.outcome, last.additions) == (Outcome.PASS, ("GET /accounts/${account}: $.body.nickname",))


def test_a_refusal_names_the_hook_and_what_needs_it_is_skipped() -> None:
    stage = server()
    problem = {"detail": "loyalty failed", "hook": "record_after_write", "issues": [{"message": "no points"}]}
    stage.answers["POST /accounts"] = Answer(500, problem, {})

    checks = replay(recorded(), stage)

    assert [check.outcome for check in checks] == [Outcome.PASS, Outcome.FAIL, Outcome.PASS, Outcome.SKIP]
    assert checks[1].cause is not None
    assert checks[1].cause.message == "status 500, expected 201: loyalty failed; no points"
    assert checks[1].cause.hooks == ("record_after_write",)


def test_a_plugin_that_cannot_be_enabled_skips_every_step() -> None:
    stage = server()
    stage.answers["POST /plugins/loyalty/enable"] = Answer(422, {"detail": "no"}, {})

    assert outcomes(stage) == [Outcome.FAIL, Outcome.SKIP, Outcome.SKIP, Outcome.SKIP]


def test_a_failing_job_is_a_failure() -> None:
    stage = server()
    stage.code = 1

    assert outcomes(stage) == [Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.PASS]


def test_a_server_that_dies_fails_the_step_and_skips_the_rest() -> None:
    stage = server()
    stage.gone = "/accounts"

    checks = replay(recorded(), stage)

    assert [check.outcome for check in checks] == [Outcome.PASS, Outcome.FAIL, Outcome.SKIP, Outcome.SKIP]
    assert checks[1].name == "loyalty/story: 1 POST /accounts"


def test_what_cannot_be_saved_cannot_be_recorded() -> None:
    stage = server()
    stage.answers["POST /accounts"] = Answer(422, {"detail": "no"}, {})

    with pytest.raises(MissingVariable, match=r"no \$\.id"):
        record(parse_scenario(STORY, "story.json"), stage)
