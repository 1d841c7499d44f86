"""What each hook may return: a wrong type is named at once, with the plugin, instead of failing somewhere later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crm_core.db.values import is_storable
from crm_core.plugin_host.payload import EACH
from plugin_sdk import HOOKS, ConvertPatch, Issue, Job, Level, Match, Patch, Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.plugin_host.budgets import Meter

    Check = Callable[[Any, Meter | None], Any]


_PLAIN = (list, tuple)
_NO_LIST = (str, bytes, Mapping)
_TEXT_OR_NONE = (str, type(None))
# Asked for first: to look for them among Python's abstract classes takes its time.
_MAPPINGS = (dict, MappingProxyType)


class WrongResult(Exception):
    """A hook returned something else than it may; the text says what and what was expected."""

    def __init__(self, result: object, expected: str) -> None:
        """Render both."""
        super().__init__(f"it returned {type(result).__qualname__}, expected is {expected}")


def checked(hook: str, result: Any, meter: Meter | None = None) -> Any:
    """Return a result as the core uses it: iterables read to their end, everything of its type; None stays None.

    ``meter`` counts how much it is, and ends what does not end.
    """
    return None if result is None else CHECKS[hook](result, meter)


def _nothing(result: Any, _: Meter | None) -> Any:
    raise WrongResult(result, "None: this hook's result is not used")


def _patch(result: Any, meter: Meter | None) -> Any:
    if not isinstance(result, Patch) or not (_by_name(result.values) and _by_name(result.fields)):
        raise WrongResult(result, "a Patch with mappings of field names to values, or None")
    if meter is not None:
        meter.weigh(result.values)
        if result.fields:
            meter.weigh(result.fields)
    return result


def _convert_patch(result: Any, meter: Meter | None) -> Any:
    parts = ("account", "contact", "opportunity")
    if not isinstance(result, ConvertPatch) or not all(_by_name(getattr(result, part)) for part in parts):
        raise WrongResult(result, "a ConvertPatch with mappings of field names to values, or None")
    return _weighed(result, meter)


def _weighed(result: Any, meter: Meter | None) -> Any:
    if meter is not None:
        meter.weigh(result)
    return result


def _read(result: Iterable[Any], meter: Meter | None) -> tuple[Any, ...]:
    """Return everything that an iterable gives; the meter ends one that never ends."""
    if meter is None or isinstance(result, _PLAIN):
        found: tuple[Any, ...] = _weighed(tuple(result), meter)
        return found
    return tuple(_weighed(each, meter) for each in result)


def _by_name(values: object) -> bool:
    if type(values) not in _MAPPINGS and not isinstance(values, Mapping):
        return False
    for name in values:  # type: ignore[attr-defined]  # noqa: SIM110 - a generator takes three times as long
        if not isinstance(name, str):
            return False
    return True


def _each(kind: type, fits: Callable[[Any], bool]) -> Callable[[Any, Meter | None], tuple[Any, ...]]:
    """Return the check of a hook that answers with several values of one kind."""
    expected = f"a list of {kind.__name__}, or None"

    def check(result: Any, meter: Meter | None) -> tuple[Any, ...]:
        if isinstance(result, _NO_LIST) or not isinstance(result, Iterable):
            raise WrongResult(result, expected)
        found = _read(result, meter)
        for each in found:
            if not isinstance(each, kind):
                raise WrongResult(each, expected)
            if not fits(each):
                raise WrongResult(each, f"{expected}; its fields do not have the types the SDK names")
        return found

    return check


def _issues(result: Any, meter: Meter | None) -> tuple[Issue, ...]:
    """Return issues; a list of plain ones, which hooks return most, is looked at and weighed in one go."""
    if meter is None or type(result) is not list:
        return _any_issues(result, meter)
    found, size = tuple(result), EACH
    for each in found:
        if type(each) is not Issue or type(each.level) is not Level:
            return _any_issues(found, meter)
        code, text, field = each.code, each.message, each.field
        if type(code) is not str or type(text) is not str or type(field) not in _TEXT_OR_NONE:
            return _any_issues(found, meter)
        told = f"{code}{text}{field}"
        if not told.isascii() or "\0" in told:
            return _any_issues(found, meter)
        size += EACH + len(told)
    meter.payload += size
    if meter.payload > meter.budget.payload_bytes:
        meter.weighed(0)
    return found


def is_issue(issue: Any) -> bool:
    """Tell whether an issue is one: texts that can be told, and a level."""
    if not (isinstance(issue, Issue) and isinstance(issue.level, Level)):
        return False
    return _is_text(issue.code) and _is_text(issue.message) and (issue.field is None or _is_text(issue.field))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and is_storable(value)


_any_issues = _each(Issue, is_issue)


def _is_match(match: Any) -> bool:
    return isinstance(match.record_id, UUID) and isinstance(match.score, float | int) and _is_text(match.reason)


def _is_job(job: Any) -> bool:
    named = isinstance(job.name, str) and job.name
    return bool(named) and callable(job.run) and isinstance(job.every, timedelta) and job.every > timedelta()


def _is_score(score: Any) -> bool:
    reasons = () if isinstance(score.reasons, str) else score.reasons
    named = _is_text(score.name) and type(score.value) is int
    return named and reasons is score.reasons and all(map(_is_text, reasons))


def _score(result: Any, meter: Meter | None) -> Any:
    if not isinstance(result, Score) or not _is_score(result):
        raise WrongResult(result, "a Score with a name, a whole number and texts as reasons, or None")
    return _weighed(result, meter)


def _by_record(result: Any, meter: Meter | None) -> Any:
    fits = isinstance(result, Mapping) and all(isinstance(key, UUID) and _by_name(own) for key, own in result.items())
    if not fits:
        raise WrongResult(result, "a mapping of record ids to mappings of field names to values, or None")
    return _weighed(result, meter)


def _lines(result: Any, meter: Meter | None) -> tuple[Mapping[str, Any], ...]:
    if isinstance(result, _NO_LIST) or not isinstance(result, Iterable):
        raise WrongResult(result, "an iterator of mappings, or None")
    found = _read(result, meter)
    for line in found:
        if not _by_name(line):
            raise WrongResult(line, "an iterator of mappings with texts as keys")
    return found


def _routes(result: Any, meter: Meter | None) -> Any:
    from plugin_sdk.http import Route  # noqa: PLC0415 - pydantic is imported where a plugin has routes

    return _each(Route, lambda _: True)(result, meter)


CHECKS: dict[str, Check] = dict.fromkeys(HOOKS, _nothing)
"""What looks at a hook's result, where it is not None."""
CHECKS |= {
    "record_defaults": _patch,
    "record_normalize": _patch,
    "record_before_write": _patch,
    "lead_convert": _convert_patch,
    "find_duplicates": _each(Match, _is_match),
    "record_validate": _issues,
    "record_before_delete": _issues,
    "stage_transition": _issues,
    "plugin_check": _issues,
    "plugin_enable": _issues,
    "score": _score,
    "record_load": _by_record,
    "routes": _routes,
    "scheduled_jobs": _each(Job, _is_job),
    "plugin_export": _lines,
}
