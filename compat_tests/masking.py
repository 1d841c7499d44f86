"""Noise in answers: what differs from run to run by nature, and the marks that stand for it in recordings.

Marks are ``<id:1>`` (ids, numbered by first appearance), ``<time>``, ``<date>``, ``<key>``, ``<request>`` and
``<cursor>``. A value that the scenario has saved is written as ``${name}``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

__all__ = ["Masker", "Token", "dates_in", "tokens"]

_HEX: Final = "[0-9a-fA-F]"
_NOISE: Final = re.compile(
    rf"(?P<id>\b{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b)"
    r"|(?P<time>\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z| UTC|[+-]\d{2}:?\d{2})?)"
    r"|(?P<date>\b\d{4}-\d{2}-\d{2}\b)"
    rf"|(?P<key>\bcrm_{_HEX}{{6,}}_{_HEX}{{12,}}\b)"
    r"|<(?P<mark>id|time|date|key)(?::(?P<number>\d+))?>"
)
_BY_NAME: Final = {"request_id": "<request>", "next_cursor": "<cursor>", "cursor": "<cursor>"}
_SHORTEST_SAVED: Final = 8


class Token(NamedTuple):
    """A piece of a text: literal text (kind ``text``), noise as it came, or a mark (``marked``)."""

    kind: str
    value: str
    marked: bool = False


def tokens(text: str) -> list[Token]:
    """Cut a text into literal pieces, noise and marks."""
    found: list[Token] = []
    end = 0
    for match in _NOISE.finditer(text):
        if match.start() > end:
            found.append(Token("text", text[end : match.start()]))
        found.append(_token(match))
        end = match.end()
    if end < len(text):
        found.append(Token("text", text[end:]))
    return found


def dates_in(value: object) -> frozenset[str]:
    """Return every date and time that a JSON value names."""
    if isinstance(value, dict):
        return frozenset().union(*map(dates_in, value.values()))
    if isinstance(value, list):
        return frozenset().union(*map(dates_in, value))
    if not isinstance(value, str):
        return frozenset()
    return frozenset(one.value for one in tokens(value) if one.kind in {"date", "time"} and not one.marked)


@dataclass(slots=True)
class Masker:
    """Replaces the noise of one scenario's answers; the same id is the same mark in all of them.

    ``exact`` are dates and times that the scenario itself names: they are no noise. ``keep_dates`` keeps every date
    but today's and its neighbours, for scenarios whose dates follow from those that they name.
    """

    exact: frozenset[str] = frozenset()
    keep_dates: bool = False
    saved: dict[str, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def save(self, name: str, value: object) -> None:
        """Know a value by the name the scenario saves it under; short values are too common to be recognised."""
        if isinstance(value, str) and len(value) >= _SHORTEST_SAVED:
            self.saved[value] = name

    def mask(self, value: Any, name: str = "") -> Any:
        """Return a JSON value with marks for noise; members of objects in the order of their names."""
        if isinstance(value, dict):
            return {key: self.mask(value[key], key) for key in sorted(value)}
        if isinstance(value, list):
            return [self.mask(one) for one in value]
        if not isinstance(value, str):
            return value
        if name in _BY_NAME and not value.startswith("${"):
            return _BY_NAME[name]
        return "".join(self._mask(token) for token in tokens(value)) if value not in self.saved else self._name(value)

    def _name(self, value: str) -> str:
        return "${" + self.saved[value] + "}"

    def _mask(self, token: Token) -> str:
        if token.marked or token.kind == "text":
            return token.value
        if token.value in self.saved:
            return self._name(token.value)
        if token.kind == "id":
            return f"<id:{self._numbers.setdefault(token.value.lower(), len(self._numbers) + 1)}>"
        kept = token.value in self.exact or (token.kind == "date" and self.keep_dates and not _is_now(token.value))
        return token.value if kept else f"<{token.kind}>"


def _is_now(day: str) -> bool:
    try:
        return abs(date.fromisoformat(day) - datetime.now(UTC).date()) <= timedelta(days=1)
    except ValueError:
        return False


def _token(match: re.Match[str]) -> Token:
    if match["mark"]:
        return Token(match["mark"], match[0], marked=True)
    return Token(str(match.lastgroup), match[0])
