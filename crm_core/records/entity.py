"""A record type as the core's generic services and routes see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crm_core.errors import UnknownField
from crm_core.records.fields import Field, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Table

    from crm_core.records.scope import Scope
    from plugin_sdk import Issue


class Rules:
    """What a record type does beyond storing its fields; an entity's service overrides what it needs."""

    def fill(self, scope: Scope, given: Sequence[dict[str, Any]], parent: Mapping[str, Any] | None) -> None:
        """Add to what callers gave what follows from what they left out, before defaults are taken.

        Parts written with their ``parent`` come all at once, so that look-ups cost the same for any number. Of a record
        that comes with parts these are here under their name.
        """

    def complete(self, scope: Scope, values: dict[str, Any]) -> None:
        """Fill what a new record needs before hooks see it (stage, number, currency)."""

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Return what the core itself has against the record as it would be stored."""
        del scope, old, new
        return ()

    def before_update(self, scope: Scope, old: Mapping[str, Any], values: dict[str, Any]) -> None:
        """Add what follows from the change (a stage's date, for one) before hooks see it."""

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Compute what follows from the final values (amounts) after hooks; ``parts`` None: they stay as they are."""

    def written(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """Write what goes with the record, in the same transaction."""

    def part_written(self, scope: Scope, new: Mapping[str, Any]) -> None:
        """Bring the parent up to date after a part was written by itself, and not with its parent."""

    def before_delete(self, scope: Scope, record: Mapping[str, Any]) -> Sequence[Issue]:
        """Return what the core itself has against deleting the record."""
        del scope, record
        return ()


@dataclass(frozen=True, eq=False)
class Parts:
    """Records that are written and read with the one they belong to: the lines of an order.

    ``name`` is the member of requests and answers, ``key`` the part's reference to its parent, ``order`` its place.
    Who may see or change the parent may see or change its parts through it.
    """

    name: str
    entity: Entity
    key: str
    order: str = "position"

    @cached_property
    def type(self) -> Any:
        """The msgspec type of one part inside a request for its parent."""
        return self.entity.request_type("Item", without=frozenset({self.key, self.order}))


@dataclass(frozen=True, eq=False)
class Entity:
    """One record type: where it is stored and served, and its rules.

    ``read_only`` are fields the core sets itself; ``title`` is the field people know a record by; ``filled`` are
    required fields that callers may leave out because the rules fill them; ``demanded`` are fields callers must send
    although the table has a default; ``note`` is what the documentation adds to the table's sentence.
    """

    record_type: str
    path: str
    table: Table
    title: str = "name"
    read_only: frozenset[str] = frozenset()
    rules: Rules = field(default_factory=Rules)
    number_series: str | None = None
    filled: frozenset[str] = frozenset()
    demanded: frozenset[str] = frozenset()
    parts: Parts | None = None
    note: str = ""

    @property
    def doc(self) -> str:
        """What a record of this type is, in one sentence."""
        return f"{self.table.info.get('doc', '')} {self.note}".strip()

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
        return tuple(name.removeprefix(prefix).removesuffix(suffix) for name in names if name.endswith(suffix))

    @cached_property
    def create_type(self) -> Any:
        """The msgspec type of a request to create a record."""
        return self.request_type("Create")

    def request_type(self, suffix: str, without: frozenset[str] = frozenset()) -> Any:
        """Return the msgspec type of a request for a new record that leaves out some fields."""
        writable = [each for each in self.fields if each.writable and each.name not in without]
        required = {each.name for each in writable if each.required} - self.filled | self.demanded
        members: list[Any] = [(each.name, each.python_type) for each in writable if each.name in required]
        members += [_optional(each) for each in writable if each.name not in required]
        return _struct(self.record_type, suffix, [*members, *self._parts_member(), _PLUGINS])

    def _parts_member(self) -> list[Any]:
        if self.parts is None:
            return []
        kind = Annotated[list[self.parts.type], msgspec.Meta(max_length=MAX_PARTS)]  # type: ignore[name-defined]
        return [(self.parts.name, kind | msgspec.UnsetType, msgspec.UNSET)]

    @cached_property
    def patch_type(self) -> Any:
        """The msgspec type of a request to change a record: what is left out stays."""
        optional = [_optional(each) for each in self.fields if each.writable]
        return _struct(self.record_type, "Patch", [*optional, *self._parts_member(), _PLUGINS])

    @cached_property
    def out_type(self) -> Any:
        """The msgspec type of a record in an answer."""
        members = [(each.name, each.python_type | None if each.nullable else each.python_type) for each in self.fields]
        members.append(("plugins", dict[str, dict[str, Any]]))
        if self.parts is not None:
            members.append((self.parts.name, list[self.parts.entity.out_type]))  # type: ignore[name-defined]
        return msgspec.defstruct(_camel(self.record_type), members, gc=False)

    def field(self, name: str) -> Field:
        """Return a field, or raise naming those there are."""
        try:
            return self.by_name[name]
        except KeyError:
            raise unknown_field(self.record_type, name, self.by_name) from None


def unknown_field(record_type: str, name: str, known: Iterable[str]) -> UnknownField:
    """Return the error for a field that does not exist, with the nearest ones that do."""
    import difflib  # noqa: PLC0415 - only on this error path

    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
    return UnknownField(f"{record_type} has no field {name!r}; {hint}", field=name)


MAX_PARTS = 1000
_PLUGINS = ("plugins", dict[str, dict[str, Any]] | msgspec.UnsetType, msgspec.UNSET)


def _optional(each: Field) -> tuple[str, Any, Any]:
    kind = each.python_type | None if each.nullable else each.python_type
    return (each.name, kind | msgspec.UnsetType, msgspec.UNSET)


def _struct(record_type: str, suffix: str, members: list[Any]) -> Any:
    return msgspec.defstruct(f"{_camel(record_type)}{suffix}", members, forbid_unknown_fields=True, kw_only=True)


def _camel(record_type: str) -> str:
    return "".join(part.capitalize() for part in record_type.split("_"))


def given(request: msgspec.Struct) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the core values and the plugin values a request sets; parts are mappings with their own ``plugins``."""
    values = _set_members(request)
    plugins: dict[str, dict[str, Any]] = values.pop("plugins", {})
    return values, plugins


def _set_members(request: msgspec.Struct) -> dict[str, Any]:
    members = ((name, getattr(request, name)) for name in request.__struct_fields__)
    return {name: _plain(value) for name, value in members if value is not msgspec.UNSET}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_set_members(each) if isinstance(each, msgspec.Struct) else each for each in value]
    return value
