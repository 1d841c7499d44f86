"""The fields that a mapping can fill, of the core and of plugins, and what an empty cell means to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_core.errors import InvalidInput
from crm_core.imports import cells
from crm_core.imports.plan import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.imports.mapping import ColumnValue
    from crm_core.records.entity import Entity
    from crm_core.records.fields import Field
    from plugin_sdk.manifest import FieldSpec


@dataclass(frozen=True, slots=True)
class Target:
    """One field: its type in the mapping's words, its own conversion, and what may be left empty.

    ``references`` is the table that a reference points to.
    """

    name: str
    kind: str
    convert: Callable[[Any], Any]
    may_be_empty: bool
    required: bool
    plugin: str | None = None
    references: str | None = None


def core_target(entity: Entity, field: Field) -> Target:
    """Return a field of the core; its conversion is the one of the REST API."""
    record_type = entity.record_type
    return Target(
        field.name,
        cells.core_kind(field),
        lambda value: field.convert(record_type, value, strict=False),
        field.nullable,
        field.required,
        references=field.column.info.get("references"),
    )


def plugin_target(plugin: str, spec: FieldSpec) -> Target:
    """Return a field of a plugin."""
    name = f"{plugin}.{spec.key}"
    kind = cells.plugin_kind(spec)
    return Target(name, kind, lambda value: cells.plugin_value(spec, value), True, False, plugin)  # noqa: FBT003 - as Target says


def or_empty(target: Target, convert: Callable[[Any], Any], spec: ColumnValue | None) -> Callable[[Any], Any]:
    """Return the conversion of a cell that may be empty.

    Empty is the mapping's default, an empty text where the mapping says so, no value where the field allows none,
    and the field's own default otherwise.
    """
    if spec is not None and spec.default is not None:
        empty: Any = target.convert(spec.default)
    elif spec is not None and spec.keep_empty:
        empty = ""
    else:
        empty = None if target.may_be_empty else ABSENT

    def run(value: Any) -> Any:
        if value is None or value == "":
            if empty is ABSENT and target.required:
                message = f"{target.name} may not be empty"
                raise InvalidInput(message, field=target.name)
            return empty
        return convert(value)

    return run
