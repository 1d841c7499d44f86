"""The mapping file: how the columns of a file become records. See ``docs/import.md``."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from crm_core.imports.problems import MappingError, Problems, Section, nearest
from crm_core.imports.templates import Template, TemplateSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMATS = ("csv", "fixed", "jsonl")
TYPES = ("text", "decimal", "integer", "boolean", "date", "datetime", "json")
_SOURCE = ("format", "delimiter", "encoding", "columns", "skip_lines")
_RECORD = ("record_type", "system", "ext_id", "fields", "plugins", "when")
_PART = ("fields", "plugins", "when")
_COLUMN = ("column", "type", "format", "decimal_separator", "values", "default", "divide_by", "places", "empty")
_REF = ("ref", "system", "ext_id")


@dataclass(frozen=True, slots=True)
class Source:
    """What the file looks like; without ``columns`` its first line names them."""

    format: str = "csv"
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    columns: tuple[str, ...] = ()
    skip_lines: int = 0


@dataclass(frozen=True, slots=True)
class ColumnValue:
    """A value from one column, with what is done to it before the field takes it."""

    column: str
    type: str | None = None
    format: str | None = None
    decimal_separator: str = "."
    values: Mapping[str, Any] | None = None
    default: Any = None
    divide_by: str | None = None
    places: int = 6
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class RefValue:
    """The record that another system knows by an id."""

    record_type: str
    system: str
    ext_id: Template


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every row."""

    value: Any


@dataclass(frozen=True, slots=True)
class When:
    """A condition: the column is not empty, or is one of some values."""

    column: str
    equals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartMapping:
    """The fields of a record, or of a part of it such as a line; ``where`` is its place in the file, for errors."""

    where: str
    fields: Mapping[str, Any]
    plugins: Mapping[str, Mapping[str, Any]]
    when: When | None


@dataclass(frozen=True, slots=True)
class RecordMapping(PartMapping):
    """One record that each row makes, with its parts by the name of their list."""

    record_type: str
    system: str
    ext_id: Template
    parts: Mapping[str, tuple[PartMapping, ...]]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping as read; ``hash`` changes with every byte of the file."""

    name: str
    source: Source
    records: tuple[RecordMapping, ...]
    hash: str


def parse_mapping(content: bytes, name: str) -> MappingFile:
    """Read a mapping; a MappingError names every problem with its file and key."""
    try:
        data = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{name} is not TOML: {error}"
        raise MappingError(message, problems=[message]) from None
    problems = Problems(name)
    root = Section(problems, "", data)
    for key in data:
        if key not in {"source", "record"}:
            problems.add(key, f"there is no such table; {nearest(key, ('source', 'record'))}")
    source = _source(Section(problems, "source", root.get("source", dict, {})))
    records = []
    tables = root.get("record", list, [])
    if not tables:
        problems.add("record", "missing; write at least one [[record]]")
    for index, table in enumerate(tables):
        where = f"record[{index}]"
        if isinstance(table, dict):
            records.append(_record(Section(problems, where, table)))
        else:
            problems.add(where, "is not a table; write [[record]]")
    problems.finish()
    return MappingFile(name, source, tuple(records), sha256(content).hexdigest())


def _source(section: Section) -> Source:
    section.only(_SOURCE)
    kind = section.get("format", str, "csv")
    if kind not in FORMATS:
        section.problems.add("source.format", f"there is no format {kind!r}; {nearest(kind, FORMATS)}")
    delimiter = section.get("delimiter", str, ",")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        section.problems.add("source.delimiter", f"{delimiter!r} cannot separate columns; write one character")
    encoding = section.get("encoding", str, "utf-8")
    try:
        "".encode(encoding)
    except LookupError:
        section.problems.add("source.encoding", f"there is no encoding {encoding!r}; write utf-8, cp1252 or another")
    # A byte order mark at the start is spreadsheet programs' habit and never part of the first column's name.
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
    skip = section.get("skip_lines", int, 0)
    if skip < 0:
        section.problems.add("source.skip_lines", f"{skip} is less than 0; write how many lines to leave out")
    return Source(kind, delimiter, encoding, section.texts("columns"), skip)


def _record(section: Section) -> RecordMapping:
    lists = [key for key, value in section.data.items() if key not in _RECORD and isinstance(value, list)]
    section.only((*_RECORD, *lists))
    return RecordMapping(
        **_part(section),
        record_type=section.get("record_type", str, "", required=True),
        system=section.get("system", str, "", required=True),
        ext_id=_template(section, "ext_id"),
        parts={key: tuple(_parts(section, key)) for key in lists},
        fingerprint=repr(section.data),
    )


def _parts(section: Section, key: str) -> Iterator[PartMapping]:
    for index, table in enumerate(section.data[key]):
        where = f"{section.where}.{key}[{index}]"
        if isinstance(table, dict):
            inner = Section(section.problems, where, table)
            inner.only(_PART)
            yield PartMapping(**_part(inner))
        else:
            section.problems.add(where, "is not a table; write [[record." + key + "]]")


def _part(section: Section) -> dict[str, Any]:
    fields, plugins = section.inner("fields"), section.inner("plugins")
    return {
        "where": section.where,
        "fields": {name: _value(fields, name) for name in fields.data},
        "plugins": {plugin: _plugin(plugins, plugin) for plugin in plugins.data},
        "when": _when(section.inner("when")) if "when" in section.data else None,
    }


def _plugin(section: Section, plugin: str) -> dict[str, Any]:
    inner = section.inner(plugin)
    return {name: _value(inner, name) for name in inner.data}


def _when(section: Section) -> When:
    section.only(("column", "equals"))
    equals = section.data.get("equals", [])
    accepted = section.texts("equals") if isinstance(equals, list) else (section.get("equals", str, ""),)
    return When(section.get("column", str, "", required=True), accepted)


def _template(section: Section, key: str) -> Template:
    text = section.get(key, str, "", required=True)
    try:
        return Template.parse(text)
    except TemplateSyntaxError as error:
        section.problems.add(f"{section.where}.{key}", str(error))
        return Template(text, (text,))


def _value(section: Section, key: str) -> Any:
    """Read one value: a template, a constant, a column or a reference."""
    value = section.data[key]
    if isinstance(value, str):
        return _template(section, key)
    if isinstance(value, dict):
        inner = section.inner(key)
        return _ref(inner) if "ref" in value else _column(inner)
    if isinstance(value, float):
        section.problems.add(f"{section.where}.{key}", f'{value!r} may lose digits; write it as a text, "{value}"')
    elif not isinstance(value, bool | int | dt.date | list):
        section.problems.add(f"{section.where}.{key}", f"{value!r} is no value; write a text, a number or a table")
    return Constant(value)


def _ref(section: Section) -> RefValue:
    section.only(_REF)
    system = section.get("system", str, "", required=True)
    return RefValue(section.get("ref", str, "", required=True), system, _template(section, "ext_id"))


def _column(section: Section) -> ColumnValue:
    section.only(_COLUMN)
    kind = section.get("type", str)
    if kind is not None and kind not in TYPES:
        section.problems.add(f"{section.where}.type", f"there is no type {kind!r}; {nearest(kind, TYPES)}")
    empty = section.get("empty", str)
    if empty not in {None, "text"}:
        section.problems.add(f"{section.where}.empty", f'{empty!r}: write "text", or leave it out')
    separator = section.get("decimal_separator", str, ".")
    if separator not in {".", ","}:
        section.problems.add(f"{section.where}.decimal_separator", f'{separator!r}: write "." or ","')
    return ColumnValue(
        column=section.get("column", str, "", required=True),
        type=kind,
        format=section.get("format", str),
        decimal_separator=separator,
        values=section.get("values", dict),
        default=section.data.get("default"),
        divide_by=section.get("divide_by", str),
        places=section.get("places", int, 6),
        keep_empty=empty == "text",
    )
