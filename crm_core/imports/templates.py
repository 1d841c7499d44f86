"""Templates over the columns of a row: ``Customer {customer_id}``, ``{line}``, ``{row_hash}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PARTS = re.compile(r"\{\{|\}\}|\{(?P<column>[^{}]+)\}|(?P<stray>[{}])")
LINE = "line"
ROW_HASH = "row_hash"
SPECIAL = (LINE, ROW_HASH)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its values in the order of the columns, and the line of the file on which it begins."""

    line: int
    values: Sequence[Any]


class TemplateSyntaxError(ValueError):
    """A template that cannot be read."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, split into texts (even places) and names of columns (odd places)."""

    text: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Split a text; ``{{`` and ``}}`` stand for the braces themselves."""
        parts = [""]
        end = 0
        for match in _PARTS.finditer(text):
            parts[-1] += text[end : match.start()]
            end = match.end()
            if match["stray"]:
                stray = match["stray"]
                raise TemplateSyntaxError(f"{text!r} has a single {stray}; write {{column}}, or {{{{ for a brace")
            if match["column"]:
                parts += [match["column"], ""]
            else:
                parts[-1] += match[0][0]
        parts[-1] += text[end:]
        return cls(text, tuple(parts))

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders, in order."""
        return self.parts[1::2]

    def renderer(self, columns: Mapping[str, int]) -> Callable[[Row], str | None]:
        """Return what fills the template from a row: None where every placeholder is empty, and there is one."""
        texts = self.parts[0::2]
        getters = [_getter(name, columns) for name in self.names]
        if not getters:
            text = texts[0]
            return lambda _row: text
        if len(getters) == 1 and not any(texts):
            return getters[0]
        head, *tails = texts

        def render(row: Row) -> str | None:
            values = [get(row) for get in getters]
            if not any(values):
                return None
            return head + "".join(f"{value or ''}{tail}" for value, tail in zip(values, tails, strict=True))

        return render


def _getter(name: str, columns: Mapping[str, int]) -> Callable[[Row], str | None]:
    # A column of the file that is called like a special name is that column.
    if name in columns:
        index = columns[name]
        return lambda row: as_text(row.values[index])
    return (lambda row: str(row.line)) if name == LINE else (lambda row: digest(row.values))


def as_text(value: Any) -> str | None:
    """Return a value as text, None where it is empty."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode().strip('"')


def digest(value: Any) -> str:
    """Return a short hash by which equal values are recognised."""
    return blake2b(msgspec.json.encode(value), digest_size=16).hexdigest()
