"""Compare an answer with a recorded one: breaks are missing or changed, additions are new and harmless."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from compat_tests.masking import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat_tests.masking import Token

__all__ = ["Break", "Comparison", "Matcher"]

_ANY_TEXT: Final = frozenset({"<request>", "<cursor>"})
_MISSING: Final = "(missing)"


@dataclass(frozen=True, slots=True)
class Break:
    """One place where an answer is not what was recorded."""

    field: str
    expected: Any
    found: Any

    @property
    def message(self) -> str:
        """Say it in one line."""
        return f"{self.field}: expected {_short(self.expected)}, found {_short(self.found)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found, in the order of the fields' names."""

    breaks: tuple[Break, ...]
    additions: tuple[str, ...]


@dataclass(slots=True)
class Matcher:
    """Compares the answers of one scenario run; a mark ``<id:1>`` means one id in all of them, and no other's."""

    _of_mark: dict[str, str] = field(default_factory=dict)
    _of_value: dict[str, str] = field(default_factory=dict)

    def save(self, name: str, value: object) -> None:
        """Know an id by the name the scenario has saved it under, so that no mark may stand for it."""
        if isinstance(value, str):
            self._of_value.setdefault(value.lower(), "${" + name + "}")

    def compare(self, expected: Any, found: Any, at: str = "$") -> Comparison:
        """Compare JSON values; ``expected`` may hold marks, its variables are already replaced."""
        breaks: list[Break] = []
        additions: list[str] = []
        for one in self._walk(expected, found, at):
            if isinstance(one, Break):
                breaks.append(one)
            else:
                additions.append(one)
        return Comparison(tuple(breaks), tuple(additions))

    def _walk(self, expected: Any, found: Any, at: str) -> Iterator[Break | str]:
        if isinstance(expected, dict) and isinstance(found, dict):
            yield from self._walk_object(expected, found, at)
        elif isinstance(expected, list) and isinstance(found, list):
            if len(expected) != len(found):
                yield Break(f"{at} (length)", len(expected), len(found))
            for index, (left, right) in enumerate(zip(expected, found, strict=False)):
                yield from self._walk(left, right, f"{at}[{index}]")
        elif not self._same(expected, found):
            yield Break(at, expected, found)

    def _walk_object(self, expected: dict[str, Any], found: dict[str, Any], at: str) -> Iterator[Break | str]:
        for key in sorted(expected.keys() | found.keys()):
            where = f"{at}.{key}"
            if key not in expected:
                yield where
            elif key not in found:
                yield Break(where, expected[key], _MISSING)
            else:
                yield from self._walk(expected[key], found[key], where)

    def _same(self, expected: Any, found: Any) -> bool:
        if isinstance(expected, str) and isinstance(found, str):
            return expected in _ANY_TEXT or self._same_text(expected, found)
        if isinstance(expected, bool) or isinstance(found, bool):
            return expected is found
        return bool(expected == found)

    def _same_text(self, expected: str, found: str) -> bool:
        left, right = tokens(expected), tokens(found)
        return len(left) == len(right) and all(self._same_token(*pair) for pair in zip(left, right, strict=True))

    def _same_token(self, expected: Token, found: Token) -> bool:
        if expected.kind != found.kind:
            return False
        if not expected.marked or found.marked:
            return expected.value == found.value
        if expected.kind != "id":
            return True
        value = found.value.lower()
        return (
            self._of_mark.setdefault(expected.value, value) == value
            and self._of_value.setdefault(value, expected.value) == expected.value
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."  # noqa: PLR2004 - a line's worth
