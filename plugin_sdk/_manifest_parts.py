"""Capabilities, hooks, own tables and relations to other plugins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from plugin_sdk._manifest_reader import HOOK, NAME, PLUGIN_ID, RECORD_TYPE, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plugin_sdk._manifest_reader import Section
    from plugin_sdk.versions import Range

ANY: Final = "*"
_API_EXAMPLE: Final = '["account:read", "activity:create"]'
_DATA_GRANTS: Final = ("core:read",)
_PRIORITY_LIMIT: Final = 1000
_LONGEST_SENTENCE: Final = 200
# Side tables of plugin fields end like this, and Alembic keeps its versions in a table of that name.
_FIELDS_SUFFIX: Final = "_fields"
_VERSION_TABLE: Final = "alembic_version"


class Action(StrEnum):
    """What a plugin may do with a record type through ``ctx.api``."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ANY = "*"


@dataclass(frozen=True, slots=True)
class ApiGrant:
    """One permission: an action on a record type, each of them possibly any."""

    record_type: str
    action: Action

    def __str__(self) -> str:
        return f"{self.record_type}:{self.action}"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a plugin asks to be allowed."""

    api: tuple[ApiGrant, ...]
    data: tuple[str, ...]

    def allows(self, record_type: str, action: str) -> bool:
        """Say whether ``ctx.api`` may do an action on records of a type."""
        return any(
            grant.record_type in (ANY, record_type) and grant.action in (Action.ANY, action) for grant in self.api
        )

    def to_json(self) -> dict[str, object]:
        """Return the capabilities as they would stand in the manifest."""
        return {"api": [str(grant) for grant in self.api], "data": list(self.data)}


@dataclass(frozen=True, slots=True)
class HookSpec:
    """How one hook of the plugin is called.

    ``record_types`` is None where the hook is called for all of them. ``priority`` is None where the manifest
    gives none, which counts as 0.
    """

    record_types: tuple[str, ...] | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    priority: int | None

    def to_json(self) -> dict[str, object]:
        """Return the hook as it would stand in the manifest."""
        data: dict[str, object] = {"before": list(self.before), "after": list(self.after)}
        if self.record_types is not None:
            data["record_types"] = list(self.record_types)
        if self.priority is not None:
            data["on_conflict_priority"] = self.priority
        return data


def read_capabilities(root: Section, known_record_types: Collection[str] | None) -> Capabilities:
    """Read ``[capabilities]``."""
    section = root.section("capabilities")
    grants = []
    for at, text in section.texts("api", example=_API_EXAMPLE):
        record_type, _, action = text.partition(":")
        if action not in set(Action) or (record_type != ANY and RECORD_TYPE.problem(record_type)):
            words = "|".join(Action)
            section.report_item(
                at, "not a permission", f"write <record type or *>:<{words}>, e.g. {_API_EXAMPLE}", text
            )
        elif record_type != ANY and known_record_types is not None and record_type not in known_record_types:
            fix = did_you_mean(record_type, known_record_types)
            section.report_item(at, f'unknown, no record type "{record_type}" in this core', fix, text)
        else:
            grants.append(ApiGrant(record_type, Action(action)))
    data = section.texts("data", example='["core:read"]')
    for at, text in data:
        if text not in _DATA_GRANTS:
            section.report_item(at, "unknown word", did_you_mean(text, _DATA_GRANTS), text)
    section.finish()
    return Capabilities(tuple(grants), tuple(text for _, text in data))


def read_requires(root: Section, plugin_id: str) -> Mapping[str, Range]:
    """Read ``[requires]``."""
    section = root.section("requires")
    found = {}
    for other in section.data:
        section.check(other, other, PLUGIN_ID)
        if other == plugin_id:
            section.report(other, "a plugin cannot require itself", "remove it")
        found[other] = section.range(other, example='"^1.0"')
    return MappingProxyType(found)


def read_tables(root: Section) -> Mapping[str, str]:
    """Read ``[tables]``."""
    section = root.section("tables")
    found = {}
    for name in section.data:
        section.check(name, name, NAME)
        if name.endswith(_FIELDS_SUFFIX) or name == _VERSION_TABLE:
            section.report(name, "a table name the plugin host uses itself", "choose another name")
        found[name] = section.line(name, _LONGEST_SENTENCE, example='"One row per points movement."')
    return MappingProxyType(found)


def read_pii_tables(root: Section, tables: Mapping[str, str]) -> tuple[str, ...]:
    """Read ``[privacy]``: the columns of own tables that hold personal data."""
    section = root.section("privacy")
    found = []
    for at, text in section.texts("pii_tables", example='["ledger.note"]'):
        table, _, column = text.partition(".")
        if NAME.problem(table) or NAME.problem(column):
            section.report_item(at, "not a column of a table", 'write <table>.<column>, e.g. "ledger.note"', text)
        elif table not in tables:
            section.report_item(at, f'no table "{table}" in [tables]', did_you_mean(table, tables), text)
        else:
            found.append(text)
    section.finish()
    return tuple(found)


def read_hooks(
    root: Section,
    plugin_id: str,
    known_hooks: Collection[str] | None,
    known_record_types: Collection[str] | None,
) -> Mapping[str, HookSpec]:
    """Read all ``[hooks.<name>]`` tables."""
    parent = root.section("hooks")
    found = {}
    for name, section in parent.sections():
        parent.check(name, name, HOOK, known=known_hooks)
        found[name] = _read_hook(section, plugin_id, known_record_types)
        section.finish()
    return MappingProxyType(found)


def _read_hook(section: Section, plugin_id: str, known_record_types: Collection[str] | None) -> HookSpec:
    record_types = section.names("record_types", RECORD_TYPE, example='["account"]', known=known_record_types)
    if section.data.get("record_types") == []:
        section.report("record_types", "empty, so the hook is never called", "remove it to be called for all")
    before = _read_order(section, "before", plugin_id)
    after = _read_order(section, "after", plugin_id)
    for other in sorted({*before} & {*after}):
        section.report("before", f'"{other}" is in before and in after', "remove it from one of the two")
    priority = section.read("on_conflict_priority", int, example="10")
    if priority is not None and abs(priority) > _PRIORITY_LIMIT:
        section.report("on_conflict_priority", "out of bounds", f"use -{_PRIORITY_LIMIT} to {_PRIORITY_LIMIT}")
    return HookSpec(record_types if section.has("record_types") else None, before, after, priority)


def _read_order(section: Section, key: str, plugin_id: str) -> tuple[str, ...]:
    others = section.names(key, PLUGIN_ID, example='["lead_scoring"]')
    if plugin_id in others:
        section.report(key, "a plugin cannot be ordered relative to itself", f'remove "{plugin_id}"')
    return others
