"""Scenario files, format 1: one story told through the API, with the answers that were recorded.

The same format serves compatibility replay, trial runs and acceptance tests; README.md describes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from compat_tests.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FORMAT", "Scenario", "Step", "load_folder", "load_scenario"]

FORMAT: Final = 1
_TOP: Final = frozenset(
    {"format", "name", "title", "plugin", "with", "hooks", "settings", "enabled", "keep_dates", "steps", "final"}
)
_REQUEST: Final = frozenset({"do", "as", "expect", "save", "note"})
_RUN: Final = frozenset({"run", "job", "plugin", "data", "expect", "note"})
_DO: Final = frozenset({"method", "path", "headers", "json"})
_METHODS: Final = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
# What each kind of run must name.
_RUNS: Final[Mapping[str, frozenset[str]]] = {
    "relay": frozenset(),
    "job": frozenset({"job"}),
    "reinstall": frozenset({"data"}),
}
_DATA: Final = frozenset({"keep", "export"})


@dataclass(frozen=True, slots=True)
class Step:
    """One request, or one run of the relay or of a job; ``raw`` is its object in the file, which recording fills in."""

    raw: dict[str, Any]
    number: int

    @property
    def is_run(self) -> bool:
        """Say whether the step runs something on the server instead of asking it."""
        return "run" in self.raw

    @property
    def title(self) -> str:
        """Name it in reports: ``POST /accounts``."""
        if self.is_run:
            return f"run {self.raw.get('job', self.raw['run'])}"
        return f"{self.raw['do']['method']} {self.raw['do']['path']}"

    @property
    def role(self) -> str:
        """Return who asks."""
        return str(self.raw.get("as", "administrator"))

    @property
    def saves(self) -> Mapping[str, str]:
        """Return what is kept of the answer, by the name it is kept under."""
        saves: Mapping[str, str] = self.raw.get("save", {})
        return saves


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario; ``raw`` is the document itself."""

    raw: dict[str, Any]
    source: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Return its name, unique among the plugin's scenarios."""
        return str(self.raw["name"])

    @property
    def plugin(self) -> str:
        """Return the plugin that it is about."""
        return str(self.raw["plugin"])

    @property
    def plugins(self) -> tuple[str, ...]:
        """Return every plugin it needs, that one last."""
        return (*self.raw.get("with", ()), self.plugin)

    @property
    def hooks(self) -> tuple[str, ...]:
        """Return the hooks that it exercises."""
        return tuple(self.raw.get("hooks", ()))

    @property
    def is_recorded(self) -> bool:
        """Say whether every step knows what to expect."""
        return all("expect" in step.raw for step in self.steps)


def load_folder(folder: Path) -> tuple[Scenario, ...]:
    """Return the scenarios of a folder in the order of their files; none where there is no folder."""
    found = tuple(load_scenario(file) for file in sorted(folder.glob("*.json")))
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ScenarioError(f"{folder}: two scenarios are named {', '.join(twice)}; every name may be used once")
    return found


def load_scenario(file: Path) -> Scenario:
    """Read one scenario; raise ScenarioError with the place and the fix."""
    try:
        raw = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{file}: cannot be read as JSON: {error}") from error
    return parse_scenario(raw, file.name)


def parse_scenario(raw: Any, source: str) -> Scenario:
    """Check a document and return its scenario."""
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ScenarioError(f'{source}: not a scenario of format {FORMAT}; it starts with {{"format": {FORMAT}, ...}}')
    _known(raw, _TOP, source)
    for key in ("name", "plugin", "title"):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise ScenarioError(f"{source}: {key}: a text is missing")
    steps = [*_list(raw, "steps", source), *_list(raw, "final", source)]
    if not steps:
        raise ScenarioError(f"{source}: steps: there is none, so nothing would be tested")
    return Scenario(raw, source, tuple(_step(one, number, source) for number, one in enumerate(steps, 1)))


def _step(raw: Any, number: int, source: str) -> Step:
    where = f"{source}: step {number}"
    if not isinstance(raw, dict) or ("do" in raw) == ("run" in raw):
        raise ScenarioError(f'{where}: write either "do" (a request) or "run" (relay or job)')
    if "run" in raw:
        _known(raw, _RUN, where)
        if raw["run"] not in _RUNS or raw.keys() & {"job", "data"} != _RUNS[raw["run"]]:
            raise ScenarioError(
                f'{where}: write {{"run": "relay"}}, {{"run": "job", "job": NAME}} '
                'or {"run": "reinstall", "data": "keep" or "export"}'
            )
        if raw.get("data", "keep") not in _DATA:
            raise ScenarioError(f"{where}: data: keep or export, not {raw['data']}")
        return Step(raw, number)
    _known(raw, _REQUEST, where)
    request = raw["do"]
    if not isinstance(request, dict):
        raise ScenarioError(f"{where}: do: an object with method and path is needed")
    _known(request, _DO, f"{where}: do")
    if request.get("method") not in _METHODS or not str(request.get("path", "")).startswith("/"):
        raise ScenarioError(f"{where}: do: a method of {', '.join(sorted(_METHODS))} and a path from / on are needed")
    return Step(raw, number)


def _known(raw: Mapping[str, Any], names: frozenset[str], where: str) -> None:
    unknown = sorted(raw.keys() - names)
    if unknown:
        raise ScenarioError(f"{where}: {', '.join(unknown)}: unknown; there is {', '.join(sorted(names))}")


def _list(raw: Mapping[str, Any], key: str, source: str) -> list[Any]:
    value = raw.get(key, [])
    if not isinstance(value, list):
        raise ScenarioError(f"{source}: {key}: a list is needed")
    return value
