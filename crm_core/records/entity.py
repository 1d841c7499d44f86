"""A record type as the core's generic services and routes see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from crm_core.errors import UnknownField
from crm_core.records.fields import Field, fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

    from crm_core.records.scope import Scope
    from plugin_sdk import Issue


class Rules:
    """What a record type does beyond storing its fields; an entity's service overrides what it needs."""

    def complete(self, scope: Scope, values: dict[str, Any]) -> None:
        """Fill what a new record needs before hooks see it (stage, number, currency)."""

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Return what the core itself has against the record as it would be stored."""
        del scope, old, new
        return ()

    def before_update(self, scope: Scope, old: Mapping[str, Any], values: dict[str, Any]) -> None:
        """Add what follows from the change (a stage's date, for one) before hooks see it."""

    def written(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """Write what goes with the record, in the same transaction."""

    def before_delete(self, scope: Scope, record: Mapping[str, Any]) -> Sequence[Issue]:
        """Return what the core itself has against deleting the record."""
        del scope, record
        return ()


@dataclass(frozen=True, eq=False)
class Entity:
    """One record type: where it is stored and served, and its rules.

    ``read_only`` are fields the core sets itself; ``title`` is the field people know a record by.
    """

    record_type: str
    path: str
    table: Table
    title: str = "name"
    read_only: frozenset[str] = frozenset()
    rules: Rules = field(default_factory=Rules)
    number_series: str | None = None

    @property
    def doc(self) -> str:
        """What a record of this type is, in one sentence."""
        return str(self.table.info.get("doc", ""))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All fields, in the order in which rows are read."""
        return fields_of(self.table, self.read_only)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by name."""
        return {each.name: each for each in self.fields}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all fields, in the order in which rows are read."""
        return tuple(each.name for each in self.fields)

    @cached_property
    def owner_column(self) -> str:
        """The column that scopes ``own``, ``team`` and ``tree`` look at."""
        return "owner_id" if "owner_id" in self.by_name else "created_by"

    @cached_property
    def money_pairs(self) -> tuple[str, ...]:
        """The amounts that must come with ``currency``, or both be empty."""
        names = (str(constraint.name or "") for constraint in self.table.constraints)
        prefix, suffix = f"ck_{self.record_type}_", "_has_currency"
        return tuple(
            name.removeprefix(prefix).removesuffix(suffix) for name in names if name.endswith(suffix)
        )

    @cached_property
    def create_type(self) -> Any:
        """The msgspec type of a request to create a record."""
        required = [(each.name, each.python_type) for each in self.fields if each.required]
        optional = [_optional(each) for each in self.fields if each.writable and not each.required]
        return _struct(self.record_type, "Create", [*required, *optional, _PLUGINS])

    @cached_property
    def patch_type(self) -> Any:
        """The msgspec type of a request to change a record: what is left out stays."""
        optional = [_optional(each) for each in self.fields if each.writable]
        return _struct(self.record_type, "Patch", [*optional, _PLUGINS])

    @cached_property
    def out_type(self) -> Any:
        """The msgspec type of a record in an answer."""
        members = [(each.name, each.python_type | None if each.nullable else each.python_type) for each in self.fields]
        members.append(("plugins", dict[str, dict[str, Any]]))
        return msgspec.defstruct(_camel(self.record_type), members, gc=False)

    def field(self, name: str) -> Field:
        """Return a field, or raise naming those there are."""
        try:
            return self.by_name[name]
        except KeyError:
            raise unknown_field(self.record_type, name, self.by_name) from None


def unknown_field(record_type: str, name: str, known: Mapping[str, Any]) -> UnknownField:
    """Return the error for a field that does not exist, with the nearest ones that do."""
    import difflib  # noqa: PLC0415 - only on this error path

    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(sorted(known))}"
    return UnknownField(f"{record_type} has no field {name!r}; {hint}", field=name)


_PLUGINS = ("plugins", dict[str, dict[str, Any]] | msgspec.UnsetType, msgspec.UNSET)


def _optional(each: Field) -> tuple[str, Any, Any]:
    kind = each.python_type | None if each.nullable else each.python_type
    return (each.name, kind | msgspec.UnsetType, msgspec.UNSET)


def _struct(record_type: str, suffix: str, members: list[Any]) -> Any:
    return msgspec.defstruct(f"{_camel(record_type)}{suffix}", members, forbid_unknown_fields=True, kw_only=True)


def _camel(record_type: str) -> str:
    return "".join(part.capitalize() for part in record_type.split("_"))


def given(request: msgspec.Struct) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the core values and the plugin values a request sets."""
    values = {
        name: value for name in request.__struct_fields__ if (value := getattr(request, name)) is not msgspec.UNSET
    }
    plugins: dict[str, dict[str, Any]] = values.pop("plugins", {})
    return values, plugins
