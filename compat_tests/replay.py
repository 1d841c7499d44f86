"""Tell a scenario to a running server: compare every answer with the recorded one, or record it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from compat_tests.errors import ServerGone
from compat_tests.masking import Masker, dates_in
from compat_tests.matching import Matcher
from compat_tests.model import Cause, Check, Kind, Outcome
from compat_tests.variables import MissingVariable, pick, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compat_tests.client import Answer
    from compat_tests.console import Done
    from compat_tests.scenario import Scenario, Step

__all__ = ["Stage", "record", "replay"]

_MOST_BREAKS: Final = 5
_OK: Final = 200


class Stage(Protocol):
    """Where a scenario is played: a fresh tenant of a running server."""

    def request(
        self, method: str, path: str, *, role: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the server."""

    def relay(self) -> Done:
        """Deliver what was committed."""

    def job(self, plugin: str, name: str) -> Done:
        """Run a job for the tenant."""

    def reinstall(self, plugin: str, data: str) -> Done:
        """Uninstall a plugin, install it again and bring back what was exported."""


@dataclass(slots=True)
class _Play:
    """What is known so far of one scenario run."""

    stage: Stage
    scenario: Scenario
    variables: dict[str, Any] = field(default_factory=dict)
    matcher: Matcher = field(default_factory=Matcher)


def replay(scenario: Scenario, stage: Stage) -> list[Check]:
    """Play a recorded scenario and return a check per step; a step that needs what failed before is skipped."""
    play = _Play(stage, scenario)
    checks: list[Check] = []
    try:
        problem = _enable(play)
        checks.append(_check(scenario, "enable", problem))
        if problem:
            return [*checks, *(_skipped(scenario, step, "the plugin could not be enabled") for step in scenario.steps)]
        for step in scenario.steps:
            checks.append(_replay_step(play, step))  # noqa: PERF401 - what came before a crash must not be lost
    except ServerGone as error:
        done = len(checks)
        checks.append(_check(scenario, (["enable", *map(_name, scenario.steps)])[done], Cause(str(error))))
        checks += [_skipped(scenario, step, "the server is gone") for step in scenario.steps[done:]]
    return checks


def record(scenario: Scenario, stage: Stage) -> list[dict[str, Any]]:
    """Play a scenario and return what its steps expect from now on; raise MissingVariable where it gets stuck."""
    play = _Play(stage, scenario)
    problem = _enable(play)
    if problem:
        raise MissingVariable(problem.text)
    inputs = [step.raw.get("do", {}) for step in scenario.steps]
    masker = Masker(dates_in([*inputs, scenario.raw.get("settings", {})]), bool(scenario.raw.get("keep_dates")))
    expects = []
    for step in scenario.steps:
        if step.is_run:
            done = _run(play, step)
            expects.append({"code": done.code})
            continue
        answer = _ask(play, step)
        for name, path in step.saves.items():
            play.variables[name] = pick(answer.body, path)
            masker.save(name, play.variables[name])
        expects.append({"status": answer.status, **_seen(masker, answer)})
    return expects


def _seen(masker: Masker, answer: Answer) -> dict[str, Any]:
    seen: dict[str, Any] = {"headers": masker.mask(dict(answer.headers))} if answer.headers else {}
    return seen | ({"body": masker.mask(answer.body)} if answer.body is not None else {})


def _enable(play: _Play) -> Cause | None:
    """Enable the scenario's plugins; the scenario's settings are the last one's."""
    if not play.scenario.raw.get("enabled", True):
        return None
    for plugin in play.scenario.plugins:
        settings = play.scenario.raw.get("settings") if plugin == play.scenario.plugin else None
        path, body = f"/plugins/{plugin}/enable", {"settings": replace(settings, {})} if settings else {}
        answer = play.stage.request("POST", path, role="administrator", body=body)
        if answer.status != _OK:
            return Cause(f"status {answer.status}: {_problem(answer)}", f"POST {path}", hooks=_hooks(answer))
    return None


def _replay_step(play: _Play, step: Step) -> Check:
    scenario = play.scenario
    try:
        expect = step.raw["expect"]
        if step.is_run:
            done = _run(play, step)
            wrong = done.code != expect["code"]
            message = f"exit code {done.code}, expected {expect['code']}: {done.last_line}"
            return _check(scenario, _name(step), Cause(message, step.title) if wrong else None)
        answer = _ask(play, step)
        # Saved before comparing: what is expected of this answer may name what it brings.
        missing = _save(play, step, answer)
        return _compare(play, step, answer, expect, missing)
    except MissingVariable as error:
        return _skipped(scenario, step, str(error))


def _compare(play: _Play, step: Step, answer: Answer, expect: Mapping[str, Any], missing: str) -> Check:
    if answer.status != expect["status"]:
        message = f"status {answer.status}, expected {expect['status']}: {_problem(answer)}"
        cause = Cause(message, step.title, "status", expect["status"], answer.status, _hooks(answer))
        return _check(play.scenario, _name(step), cause)
    if missing:
        return _check(play.scenario, _name(step), Cause(missing, step.title))
    wanted = replace({key: expect[key] for key in ("body", "headers") if key in expect}, play.variables)
    found = {"body": answer.body, "headers": dict(answer.headers)}
    result = play.matcher.compare(wanted, {key: found[key] for key in wanted}, "$")
    cause_of = None
    if result.breaks:
        first = result.breaks[0]
        message = "; ".join(one.message for one in result.breaks[:_MOST_BREAKS])
        rest = len(result.breaks) - _MOST_BREAKS
        message += f"; {rest} more" if rest > 0 else ""
        cause_of = Cause(message, step.title, first.field, first.expected, first.found, _hooks(answer))
    additions = tuple(f"{step.title}: {one}" for one in result.additions)
    return _check(play.scenario, _name(step), cause_of, additions)


def _save(play: _Play, step: Step, answer: Answer) -> str:
    for name, path in step.saves.items():
        try:
            play.variables[name] = pick(answer.body, path)
        except MissingVariable as error:
            return str(error)
        play.matcher.save(name, play.variables[name])
    return ""


def _ask(play: _Play, step: Step) -> Answer:
    request = replace(step.raw["do"], play.variables)
    return play.stage.request(
        request["method"], request["path"], role=step.role, body=request.get("json"), headers=request.get("headers")
    )


def _run(play: _Play, step: Step) -> Done:
    if step.raw["run"] == "relay":
        return play.stage.relay()
    plugin = step.raw.get("plugin", play.scenario.plugin)
    if step.raw["run"] == "reinstall":
        return play.stage.reinstall(plugin, step.raw["data"])
    return play.stage.job(plugin, step.raw["job"])


def _name(step: Step) -> str:
    return f"{step.number} {step.title}"


def _check(scenario: Scenario, name: str, cause: Cause | None, additions: tuple[str, ...] = ()) -> Check:
    """Return the check of a step; what failed without naming hooks may be any that the scenario is about."""
    if cause is not None and not cause.hooks:
        cause = Cause(cause.message, cause.where, cause.field, cause.expected, cause.found, scenario.hooks)
    full = f"{scenario.plugin}/{scenario.name}: {name}"
    return Check(Kind.SCENARIO, full, Outcome.FAIL if cause else Outcome.PASS, cause, additions)


def _skipped(scenario: Scenario, step: Step, reason: str) -> Check:
    full = f"{scenario.plugin}/{scenario.name}: {_name(step)}"
    return Check(Kind.SCENARIO, full, Outcome.SKIP, Cause(reason, step.title))


def _problem(answer: Answer) -> str:
    """Return what the server says is wrong."""
    if not isinstance(answer.body, dict) or "detail" not in answer.body:
        return "no explanation" if answer.body is None else str(answer.body)[:200]
    issues = [str(one.get("message")) for one in answer.body.get("issues") or () if isinstance(one, dict)]
    return "; ".join([str(answer.body["detail"]), *issues])


def _hooks(answer: Answer) -> tuple[str, ...]:
    """Return the hook that the server blames, if it does."""
    hook = answer.body.get("hook") if isinstance(answer.body, dict) else None
    return (str(hook),) if hook else ()
