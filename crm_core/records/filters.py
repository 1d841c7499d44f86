"""Filters and sort keys as the REST API writes them: ``name[contains]=acme``, ``sort=-amount,loyalty.tier``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Text, bindparam

from crm_core.db.lists import is_in
from crm_core.db.texts import MAX_PATTERN, matches
from crm_core.errors import InvalidInput, UnknownField
from crm_core.records.entity import unknown_field
from crm_core.schema.types import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crm_core.plugin_host.fields import PluginFields
    from crm_core.records.entity import Entity

_KEY = re.compile(r"(?P<field>[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?)(\[(?P<operator>[a-z]+)\])?")
_COMPARISONS: Mapping[str, Callable[[Column[Any], Any], ColumnElement[bool]]] = {
    "eq": lambda column, bound: column == bound,
    "ne": lambda column, bound: column != bound,
    "lt": lambda column, bound: column < bound,
    "lte": lambda column, bound: column <= bound,
    "gt": lambda column, bound: column > bound,
    "gte": lambda column, bound: column >= bound,
}
OPERATORS = (*_COMPARISONS, "in", "contains", "starts", "empty")


@dataclass(frozen=True, slots=True)
class Target:
    """What a filter or sort key names: a core column, or a column of one plugin's side table."""

    name: str
    column: Column[Any]
    convert: Callable[[Any], Any]
    plugin: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; its shape decides the statement, its value is bound."""

    target: Target
    operator: str
    value: Any

    def shape(self) -> tuple[str, str]:
        """Return what two filters have in common when they can share a statement."""
        empty = str(self.value) if self.operator == "empty" else ""
        return (self.target.name, self.operator + empty)

    def condition(self, name: str) -> ColumnElement[bool]:
        """Return the condition with its value bound to ``name``."""
        column = self.target.column
        if self.operator == "empty":
            return column.is_(None) if self.value else column.is_not(None)
        if self.operator == "in":
            return is_in(column, name)
        if self.operator in {"contains", "starts"}:
            return matches(column, name)
        return _COMPARISONS[self.operator](column, bindparam(name, type_=column.type))


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key; empty values always come last."""

    target: Target
    descending: bool


def parse_filter(entity: Entity, plugins: Mapping[str, PluginFields], key: str, text: Any) -> Filter:
    """Read one filter; errors name the key, what is wrong and what is possible."""
    match = _KEY.fullmatch(key)
    if match is None:
        message = f"{key!r} is not a filter; write field=value or field[operator]=value"
        raise InvalidInput(message, parameter=key)
    target = find_target(entity, plugins, match["field"])
    operator = match["operator"] or "eq"
    if operator not in OPERATORS:
        message = f"{key}: there is no operator {operator!r}; there are {', '.join(OPERATORS)}"
        raise InvalidInput(message, parameter=key)
    return Filter(target, operator, _value(target, key, operator, text))


def _value(target: Target, key: str, operator: str, text: Any) -> Any:
    if operator == "empty":
        if str(text).lower() not in {"true", "false"}:
            message = f"{key}={text!r}: write true or false"
            raise InvalidInput(message, parameter=key)
        return str(text).lower() == "true"
    if operator == "in":
        parts = text.split(",") if isinstance(text, str) else list(text)
        return [target.convert(part) for part in parts]
    if operator in {"contains", "starts"}:
        if not isinstance(target.column.type, Text):
            message = f"{key}: {target.name} is not a text; use eq, lt, gt or in"
            raise InvalidInput(message, parameter=key)
        if len(str(text)) > MAX_PATTERN or "\0" in str(text):
            message = f"{key}: write at most {MAX_PATTERN} characters, NUL not among them"
            raise InvalidInput(message, parameter=key)
        escaped = re.sub(r"([\\%_])", r"\\\1", str(text))
        return f"%{escaped}%" if operator == "contains" else f"{escaped}%"
    value = target.convert(text)
    if value is None:
        message = f"{key}: compare with empty by {target.name}[empty]=true"
        raise InvalidInput(message, parameter=key)
    return value


def parse_sort(entity: Entity, plugins: Mapping[str, PluginFields], text: str) -> tuple[Sort, ...]:
    """Read ``sort=-amount,name``; the id is added as the last key, so that every list has a total order."""
    sorts: list[Sort] = []
    for part in text.split(","):
        name = part.strip().removeprefix("-").removeprefix("+")
        sorts.append(Sort(find_target(entity, plugins, name), part.strip().startswith("-")))
    if len({sort.target.name for sort in sorts}) != len(sorts):
        message = f"sort={text}: a field is named twice"
        raise InvalidInput(message, parameter="sort")
    if not any(sort.target.name == "id" for sort in sorts):
        descending = sorts[-1].descending
        sorts.append(Sort(find_target(entity, plugins, "id"), descending))
    return tuple(sorts)


def find_target(entity: Entity, plugins: Mapping[str, PluginFields], name: str) -> Target:
    """Return the column behind a name, or raise with the nearest names that exist."""
    plugin, _, key = name.rpartition(".")
    if plugin:
        return _plugin_target(entity, plugins, plugin, key)
    field = entity.by_name.get(name)
    if field is None or isinstance(field.column.type, Json):
        raise unknown_field(entity.record_type, name, _possible(entity, plugins))
    return Target(name, field.column, lambda value: field.convert(entity.record_type, value, strict=False))


def _plugin_target(entity: Entity, plugins: Mapping[str, PluginFields], plugin: str, key: str) -> Target:
    own = plugins.get(plugin)
    spec = own.specs.get(key) if own else None
    name = f"{plugin}.{key}"
    if own is None or spec is None or own.table is None:
        raise unknown_field(entity.record_type, name, _possible(entity, plugins))
    if not spec.searchable:
        message = f"{entity.record_type}: {name} is not searchable; its plugin must declare searchable = true"
        raise UnknownField(message, field=name)
    return Target(name, own.table.c[key], lambda value: _from_text(spec, name, value), plugin)


def _from_text(spec: Any, name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    readers: Mapping[str, Callable[[str], Any]] = {"integer": int, "boolean": _flag}
    try:
        return spec.validate(readers.get(str(spec.kind), str)(value))
    except ValueError as error:
        message = f"{name}={value!r}: {error}"
        raise InvalidInput(message, parameter=name) from error


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        message = "write true or false"
        raise ValueError(message)
    return text.lower() == "true"


def _possible(entity: Entity, plugins: Mapping[str, PluginFields]) -> Sequence[str]:
    core = [field.name for field in entity.fields if not isinstance(field.column.type, Json)]
    own = [
        f"{plugin}.{key}" for plugin, fields in plugins.items() for key, spec in fields.specs.items() if spec.searchable
    ]
    return [*core, *own]
