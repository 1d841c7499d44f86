"""Typed fields that a plugin adds to core record types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from plugin_sdk import _manifest_values as values
from plugin_sdk._manifest_reader import NAME, RECORD_TYPE, show
from plugin_sdk._manifest_texts import read_texts
from plugin_sdk.errors import FieldValueError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plugin_sdk._manifest_reader import Section

LONGEST_TEXT: Final = 4000
DEFAULT_LENGTH: Final = 255
# Columns that every generated side table has.
_RESERVED: Final = frozenset({"record_id", "tenant_id"})


class FieldKind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    JSON = "json"


class Writable(StrEnum):
    """Who may write a field."""

    API = "api"
    PLUGIN = "plugin"


class InvalidFieldValue(FieldValueError):
    """A value does not fit its field; the text leaves the value out where it is personal data."""

    def __init__(self, spec: FieldSpec, value: object, reason: str, fix: str) -> None:
        shown = "" if spec.pii else f" = {show(value)}"
        super().__init__(f"{spec.record_type}.{spec.key}{shown}: {reason}; {fix}")
        self.record_type = spec.record_type
        self.key = spec.key
        self.reason = reason
        self.fix = fix


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One declared field; ``max_length`` is None except for texts, ``writable`` is None for computed fields."""

    record_type: str
    key: str
    kind: FieldKind
    label: Mapping[str, str]
    help: Mapping[str, str]
    choices: tuple[str, ...]
    max_length: int | None
    searchable: bool
    writable: Writable | None
    computed: bool
    pii: bool

    def validate(self, value: object) -> object:
        """Return the Python value of a JSON value; None clears the field. Raise FieldValueError with the reason."""
        if value is None:
            return None
        try:
            return self._convert(value)
        except values.BadValueError as error:
            raise InvalidFieldValue(self, value, error.reason, error.fix) from None

    def _convert(self, value: object) -> object:
        if self.kind is FieldKind.TEXT:
            return values.to_text(value, self.max_length or DEFAULT_LENGTH)
        if self.kind is FieldKind.CHOICE:
            return values.to_choice(value, self.choices)
        return _CONVERTERS[self.kind](value)

    def to_json(self) -> dict[str, object]:
        """Return the field as it would stand in the manifest, with its defaults written out."""
        data: dict[str, object] = {
            "record_type": self.record_type,
            "key": self.key,
            "kind": self.kind.value,
            "label": dict(self.label),
            "computed": self.computed,
            "pii": self.pii,
        }
        optional = {
            "help": dict(self.help),
            "choices": list(self.choices),
            "max_length": self.max_length,
            "searchable": self.searchable,
            "writable": self.writable.value if self.writable else None,
        }
        return data | {key: value for key, value in optional.items() if value}


_CONVERTERS: Final = {
    FieldKind.INTEGER: values.to_integer,
    FieldKind.DECIMAL: values.to_decimal,
    FieldKind.MONEY: values.to_decimal,
    FieldKind.BOOLEAN: values.to_boolean,
    FieldKind.DATE: values.to_date,
    FieldKind.DATETIME: values.to_datetime,
    FieldKind.JSON: values.to_json_value,
}


def read_fields(root: Section, known_record_types: Collection[str] | None) -> tuple[FieldSpec, ...]:
    """Read all ``[[fields]]`` tables."""
    found: dict[tuple[str, str], FieldSpec] = {}
    for section in root.array("fields"):
        spec = _read_field(section, known_record_types)
        section.finish()
        if (spec.record_type, spec.key) in found and spec.key:
            section.report("key", f"declared twice for {spec.record_type}", "remove or rename one of the two")
        found[spec.record_type, spec.key] = spec
    return tuple(found.values())


def _read_field(section: Section, known_record_types: Collection[str] | None) -> FieldSpec:
    kind = section.member("kind", FieldKind, example="text")
    key = section.name("key", NAME, example="tier")
    if key in _RESERVED:
        section.report("key", "reserved for the column of that name", "choose another name")
    computed = section.flag("computed")
    return FieldSpec(
        record_type=section.name("record_type", RECORD_TYPE, example="account", known=known_record_types),
        key=key,
        kind=kind or FieldKind.TEXT,
        label=read_texts(section, "label", required=True),
        help=read_texts(section, "help"),
        choices=read_choices(section, kind),
        max_length=read_max_length(section, kind, DEFAULT_LENGTH),
        searchable=_read_searchable(section, kind, computed=computed),
        writable=_read_writable(section, computed=computed),
        computed=computed,
        pii=section.flag("pii"),
    )


def read_choices(section: Section, kind: StrEnum | None) -> tuple[str, ...]:
    """Read the choices of a field or setting: for the kind ``choice`` only. None: the kind itself is wrong."""
    choices = tuple(text for _, text in section.texts("choices", example='["bronze", "silver"]'))
    if kind == FieldKind.CHOICE and section.data.get("choices", []) == []:
        section.report("choices", "missing or empty", 'list at least one, e.g. choices = ["bronze", "silver"]')
    elif kind not in (FieldKind.CHOICE, None) and section.has("choices"):
        section.report("choices", "only for kind choice", 'remove it or write kind = "choice"')
    return choices


def read_max_length(section: Section, kind: StrEnum | None, default: int) -> int | None:
    """Read the longest allowed text: for the kind ``text`` only. None: the kind itself is wrong."""
    length = section.read("max_length", int, example="40")
    if kind not in (FieldKind.TEXT, None) and section.has("max_length"):
        section.report("max_length", "only for kind text", 'remove it or write kind = "text"')
    if length is not None and not 1 <= length <= LONGEST_TEXT:
        section.report("max_length", "out of bounds", f"use a number from 1 to {LONGEST_TEXT}")
        return default
    return (length or default) if kind == FieldKind.TEXT else None


def _read_searchable(section: Section, kind: FieldKind | None, *, computed: bool) -> bool:
    searchable = section.flag("searchable")
    if searchable and kind is FieldKind.JSON:
        section.report("searchable", "a json field cannot be filtered or sorted by", "remove it")
    if searchable and computed:
        section.report("searchable", "a computed field has no column to search in", "remove it")
    return searchable


def _read_writable(section: Section, *, computed: bool) -> Writable | None:
    writable = section.member("writable", Writable, example="plugin", default=Writable.API)
    if not computed:
        return writable
    if section.has("writable"):
        section.report("writable", "nobody writes a computed field", "remove it")
    return None
