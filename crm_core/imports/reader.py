"""Read the rows of a file one by one, whatever its length."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from crm_core.errors import InvalidInput
from crm_core.imports.problems import MappingError
from crm_core.imports.templates import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

    from crm_core.imports.mapping import Source

_CELL_LIMIT = 16 * 1024 * 1024
_BLOCK = 1024 * 1024


class Rows:
    """The rows of an open file: ``columns`` are known at once, iterating reads on.

    A row with another number of values than there are columns is a ``Misfit`` in its place.
    """

    def __init__(self, name: str, source: Source, file: TextIO, bytes_read: Callable[[], int]) -> None:
        """Read the names of the columns."""
        self.name = name
        self.bytes_read = bytes_read
        self._source = source
        self._lines = _Lines(file)
        for _ in range(source.skip_lines):
            next(self._lines, None)
        self._records = {"csv": self._csv, "fixed": self._fixed, "jsonl": self._jsonl}[source.format]()
        # One generator for header and rows: a second one would close what it reads from when it goes.
        self._read = self._guarded()
        self._pushed: list[tuple[int, Any]] = []
        self.columns = source.columns or self._header()
        twice = sorted({column for column in self.columns if self.columns.count(column) > 1})
        if twice:
            message = f"{name}: the columns {', '.join(twice)} are there twice; name them by source.columns"
            raise MappingError(message, problems=[message])

    def __iter__(self) -> Iterator[Row | Misfit]:
        """Yield the rows that are left; blank lines are none."""
        width = len(self.columns)
        for line, values in chain(self._pushed, self._read):
            yield self._row(line, values, width)

    def _row(self, line: int, values: Any, width: int) -> Row | Misfit:
        if isinstance(values, dict):
            unknown = [key for key in values if key not in self.columns]
            if unknown:
                return Misfit(line, f"has {', '.join(unknown)}, which the first line has not")
            return Row(line, [values.get(column) for column in self.columns])
        if isinstance(values, str):
            return Misfit(line, values)
        if len(values) != width:
            return Misfit(line, f"has {len(values)} values where there are {width} columns ({', '.join(self.columns)})")
        return Row(line, values)

    def _header(self) -> tuple[str, ...]:
        line, values = next(self._read, (0, []))
        if isinstance(values, dict):
            self._pushed.append((line, values))
            return tuple(values)
        names = () if isinstance(values, str) else tuple(str(value).strip() for value in values)
        if not names:
            what = f"line {line} {values}" if values else "it is empty: its first line must name the columns"
            message = f"{self.name}: {what}"
            raise MappingError(message, problems=[message])
        return names

    def _guarded(self) -> Iterator[tuple[int, Any]]:
        try:
            yield from self._records
        except UnicodeDecodeError as error:
            message = f"{self.name} after line {self._lines.number} is not {self._source.encoding}: set source.encoding"
            raise InvalidInput(message, line=self._lines.number) from error
        except csv.Error as error:
            message = f"{self.name} line {self._lines.number}: {error}; set source.delimiter or mend the file"
            raise InvalidInput(message, line=self._lines.number) from error

    def _csv(self) -> Iterator[tuple[int, Any]]:
        csv.field_size_limit(_CELL_LIMIT)
        line = self._lines.number + 1
        for values in csv.reader(self._lines, delimiter=self._source.delimiter, strict=True):
            if values:
                yield line, values
            line = self._lines.number + 1

    def _fixed(self) -> Iterator[tuple[int, Any]]:
        for text in self._lines:
            values = text.split()
            if values:
                yield self._lines.number, values

    def _jsonl(self) -> Iterator[tuple[int, Any]]:
        for text in self._lines:
            if text.strip():
                yield self._lines.number, _object(text)


class Misfit:
    """A row that cannot be read."""

    __slots__ = ("line", "reason")

    def __init__(self, line: int, reason: str) -> None:
        """Keep where it is and what is wrong."""
        self.line = line
        self.reason = reason


class _Lines:
    """The lines of a file, counted as they are read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.number += 1
        return line


def _object(text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        return f"is not JSON: {error}"
    return value if isinstance(value, dict) else "is not a JSON object"


@contextmanager
def opened(path: Path, source: Source) -> Iterator[Rows]:
    """Open a file for reading rows; ``bytes_read`` tells how far reading has come."""
    with path.open("rb") as raw:
        # Line ends inside quoted cells are content: they must arrive as they are.
        newline = "" if source.format == "csv" else None
        with io.TextIOWrapper(raw, encoding=source.encoding, newline=newline) as file:
            yield Rows(path.name, source, file, raw.tell)


def file_hash(path: Path) -> str:
    """Return the hash of a file's content, read in blocks."""
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
