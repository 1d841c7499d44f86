"""Export: the records of one type to a file, page by page, as lists show them."""

from __future__ import annotations

import csv
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crm_core.errors import InvalidInput
from crm_core.imports.export_cells import Column, columns_of
from crm_core.imports.export_mapping import mapping_text
from crm_core.records.listing import MAX_LIMIT, list_rows, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from typing import TextIO

    from crm_core.records.scope import Scope

    Operate = Callable[[Callable[[Scope], Any]], Awaitable[Any]]
    Write = Callable[[Sequence[dict[str, Any]]], None]

FORMATS = ("csv", "jsonl")


@dataclass(frozen=True, slots=True)
class Export:
    """What to export and where to."""

    tenant: str
    record_type: str
    out: Path
    format: str = "csv"
    plugins: bool = False
    filters: tuple[str, ...] = ()
    mapping_out: Path | None = None
    spreadsheet_safe: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.format not in FORMATS:
            raise ValueError(f"there is no format {self.format!r}; there are {', '.join(FORMATS)}")
        if self.spreadsheet_safe and (self.mapping_out or self.format != "csv"):
            raise ValueError("--spreadsheet-safe changes texts, which only a CSV file that nobody imports may do")


async def export_file(operate: Operate, export: Export) -> int:
    """Write the file and return the number of records; an unfinished file never gets its name."""
    columns: list[Column] = await operate(lambda scope: _columns(scope, export))
    total = 0
    cursor: str | None = None
    with _replacing(export.out) as file:
        write = _writer(file, columns, export)
        while True:
            rows, cursor = await operate(_page(export, cursor))
            write(rows)
            total += len(rows)
            if cursor is None:
                break
    if export.mapping_out is not None:
        with _replacing(export.mapping_out) as file:
            file.write(mapping_text(export.record_type, f"crm:{export.tenant}", export.format, columns))
    return total


def _columns(scope: Scope, export: Export) -> list[Column]:
    entity = scope.entity(export.record_type)
    tenant = scope.hooks.tenant
    fields = tenant.fields.of(export.record_type, tenant.enabled) if export.plugins else {}
    return columns_of(entity, fields)


def _page(export: Export, cursor: str | None) -> Callable[[Scope], tuple[list[dict[str, Any]], str | None]]:
    def page(scope: Scope) -> tuple[list[dict[str, Any]], str | None]:
        entity = scope.entity(export.record_type)
        tenant = scope.hooks.tenant
        parameters: list[tuple[str, Any]] = [_filter(text) for text in export.filters]
        parameters += [("limit", MAX_LIMIT), ("cursor", cursor)]
        listing = parse(entity, tenant.fields.of(export.record_type, tenant.enabled), parameters)
        return list_rows(scope, entity, listing)

    return page


def _filter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or name in {"limit", "cursor", "sort"}:
        raise InvalidInput(f"--filter {text!r}: write field=value or field[operator]=value", parameter=name)
    return name, value


def _writer(file: TextIO, columns: Sequence[Column], export: Export) -> Write:
    if export.format == "jsonl":
        encode = msgspec.json.Encoder(decimal_format="string").encode

        def lines(rows: Sequence[dict[str, Any]]) -> None:
            file.writelines(encode({each.name: each.read(row) for each in columns}).decode() + "\n" for row in rows)

        return lines
    writer = csv.writer(file)
    writer.writerow(each.name for each in columns)

    def cells(rows: Sequence[dict[str, Any]]) -> None:
        writer.writerows([each.cell(row, safe=export.spreadsheet_safe) for each in columns] for row in rows)

    return cells


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Yield a file that takes the place of ``path`` when it is whole, and vanishes when anything fails."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", newline="", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
