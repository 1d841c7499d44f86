"""Variables in scenarios: ``${account}`` for what was saved, ``${today+30d}`` for days counted from today."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MissingVariable", "pick", "replace"]

_VARIABLE: Final = re.compile(r"\$\{(?P<name>[a-z_][a-z0-9_]*)(?P<shift>[+-]\d+[dmy])?\}")
_PART: Final = re.compile(r"\.(?P<name>[A-Za-z0-9_]+)|\[(?P<index>\d+)\]")
_MONTHS: Final = 12


class MissingVariable(Exception):
    """A step needs what an earlier step should have saved."""


def replace(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a JSON value with its variables replaced; a text that is one variable takes the variable's type."""
    if isinstance(value, dict):
        return {key: replace(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [replace(one, variables) for one in value]
    if not isinstance(value, str):
        return value
    whole = _VARIABLE.fullmatch(value)
    if whole:
        return _value(whole, variables)
    return _VARIABLE.sub(lambda match: str(_value(match, variables)), value)


def pick(value: Any, path: str) -> Any:
    """Return what ``$.data[0].id`` names in a JSON value; raise MissingVariable where there is no such place."""
    end = 1
    for part in _PART.finditer(path, 1):
        try:
            value = value[part["name"]] if part["name"] else value[int(part["index"])]
        except (KeyError, IndexError, TypeError):
            raise MissingVariable(f"the answer has no {path}") from None
        end = part.end()
    if end != len(path) or not path.startswith("$"):
        raise MissingVariable(f"{path}: not a path such as $.data[0].id")
    return value


def _value(match: re.Match[str], variables: Mapping[str, Any]) -> Any:
    name, shift = match["name"], match["shift"]
    if name == "today":
        return _shifted(datetime.now(UTC).date(), shift).isoformat()
    if name not in variables:
        raise MissingVariable(f"{match[0]} has not been saved by an earlier step")
    return variables[name]


def _shifted(day: date, shift: str | None) -> date:
    if not shift:
        return day
    number, unit = int(shift[:-1]), shift[-1]
    if unit == "d":
        return day + timedelta(days=number)
    months = day.year * _MONTHS + day.month - 1 + number * (_MONTHS if unit == "y" else 1)
    year, month = divmod(months, _MONTHS)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
