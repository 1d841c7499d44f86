"""The columns of an export, and how each value is written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Text

from crm_core.imports.cells import core_kind, plugin_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.plugin_host.fields import PluginFields
    from crm_core.records.entity import Entity
    from crm_core.records.fields import Field

# What spreadsheet programs take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a field of the core, or a plugin's; ``importable`` where an import may set it."""

    name: str
    kind: str
    importable: bool
    may_be_empty: bool = True
    is_text: bool = False
    references: str | None = None
    plugin: str | None = None

    def read(self, row: Mapping[str, Any]) -> Any:
        """Return the value of the column in a row."""
        if self.plugin is None:
            return row[self.name]
        return row["plugins"].get(self.plugin, {}).get(self.name.partition(".")[2])

    def cell(self, row: Mapping[str, Any], *, safe: bool) -> str:
        """Return the text of the cell; ``safe`` texts are never taken for a formula."""
        text = _text(self.read(row), self.kind)
        return f"'{text}" if safe and self.is_text and text.startswith(_FORMULA) else text


def columns_of(entity: Entity, plugins: Mapping[str, PluginFields]) -> list[Column]:
    """Return the columns of a record type: all fields, then those of plugins."""
    columns = [_core(field) for field in entity.fields]
    for plugin, own in plugins.items():
        for key, spec in own.specs.items():
            kind = plugin_kind(spec)
            importable = not spec.computed and spec.writable == "api"
            columns.append(Column(f"{plugin}.{key}", kind, importable, is_text=kind == "text", plugin=plugin))
    return columns


def _core(field: Field) -> Column:
    return Column(
        field.name,
        core_kind(field),
        field.writable,
        may_be_empty=field.nullable,
        is_text=isinstance(field.column.type, Text),
        references=field.column.info.get("references"),
    )


def _text(value: Any, kind: str) -> str:
    if value is None:
        return ""
    if kind == "json":
        return msgspec.json.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, dt.date) else str(value)
