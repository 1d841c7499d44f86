"""Read the text of a version range into comparators.

Sugar (caret, tilde, wildcards, partial versions) is expanded here, so two texts that mean the same
comparators become equal values. The only wildcard that survives is ``!=1.2.*``: expanded it would be an OR
inside an AND.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from semver import Version

from plugin_sdk.errors import RangeError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Long enough for any real range; keeps junk input cheap and below Python's limit for int() on text.
MAX_RANGE_LENGTH: Final = 500
FULL: Final = 3  # numbers in a complete version: major, minor, patch

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SLOT = rf"({_NUMBER}|[xX*])"
_WORD: Final = re.compile(rf"{_SLOT}(?:\.{_SLOT})?(?:\.{_SLOT})?(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?")
_TOKEN: Final = re.compile(r"\s+|\|\||,|[<>=!~^|&]+|[^\s,<>=!~^|&]+")
_OPERATORS: Final = {"=": "=", "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "^": "^", "~": "~"}
_OPERATOR_FIXES: Final = {
    "~=": 'write "^1.2" or ">=1.2,<2" instead of "~=1.2"',
    "~>": 'write "~" or "^"',
    "=>": 'write ">="',
    "=<": 'write "<="',
    "===": 'write "="',
    "<>": 'write "!="',
    "!": 'write "!="',
    "|": 'write "||" between alternatives',
    "&": 'write "," between conditions',
    "&&": 'write "," between conditions',
}


@dataclass(frozen=True, slots=True)
class Comparator:
    """One condition on a version, such as ``>=1.2.0``; ``parts`` below three is a wildcard, for ``!=`` only."""

    op: str
    version: Version
    parts: int = FULL

    def admits(self, version: Version) -> bool:
        """Say whether a version meets this condition by order alone, without the prerelease rule."""
        checks = {
            "=": lambda: version == self.version,
            "!=": lambda: not self._covers(version),
            "<": lambda: version < self.version,
            "<=": lambda: version <= self.version,
            ">": lambda: version > self.version,
            ">=": lambda: version >= self.version,
        }
        return bool(checks[self.op]())

    def _covers(self, version: Version) -> bool:
        if self.parts == FULL:
            return bool(version == self.version)
        return version >= self.version and triple(version)[: self.parts] == triple(self.version)[: self.parts]

    @property
    def target(self) -> str:
        """Return the version as written in a range, with `.*` where it is a wildcard."""
        if self.parts == FULL:
            return str(self.version)
        return ".".join(str(number) for number in triple(self.version)[: self.parts]) + ".*"

    def __str__(self) -> str:
        """Return the canonical text."""
        return self.op + self.target


Group = tuple[Comparator, ...]


def triple(version: Version) -> tuple[int, int, int]:
    """Return major, minor and patch."""
    return version.major, version.minor, version.patch


def ordered(group: set[Comparator]) -> Group:
    """Return the conditions of one AND group in canonical order: by version, then operator."""
    return tuple(sorted(group, key=lambda c: (c.version, c.op, c.parts)))


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int  # counted from zero

    @property
    def end(self) -> int:
        return self.at + len(self.text)

    @property
    def is_operator(self) -> bool:
        return self.text[0] in "<>=!~^|&"


def parse_groups(text: str) -> tuple[Group, ...]:
    """Read a range into its alternatives, each a tuple of conditions that must all hold."""
    if len(text) > MAX_RANGE_LENGTH:
        message = f"range of {len(text)} characters is too long; use at most {MAX_RANGE_LENGTH}"
        raise RangeError(message)
    tokens = [_Token(m.group(), m.start()) for m in _TOKEN.finditer(text) if not m.group().isspace()]
    groups: set[Group] = set()
    start = 0
    for index, token in enumerate([*tokens, _Token("||", len(text))]):
        if token.text == "||":
            groups.add(_read_group(text, tokens[start:index], token))
            start = index + 1
    return tuple(sorted(groups, key=lambda group: [(c.version, c.op, c.parts) for c in group]))


def _read_group(text: str, tokens: list[_Token], stop: _Token) -> Group:
    if not tokens:
        raise _error(text, stop.at, "", "no condition here", 'write a version such as ">=1.2", or "*" for any version')
    conditions: set[Comparator] = set()
    rest = iter(tokens)
    previous: _Token | None = None
    for token in rest:
        if token.text == ",":
            if previous is None or previous.text == ",":
                raise _error(text, token.at, ",", "no condition before the comma", "remove the comma")
            previous = token
            continue
        if previous is not None and previous.end == token.at and previous.text != ",":
            fix = "put a comma or a blank between the two conditions"
            raise _error(text, token.at, token.text, "conditions run together", fix)
        previous = _read_condition(text, token, rest, conditions)
    if previous is not None and previous.text == ",":
        raise _error(text, previous.at, ",", "no condition after the comma", "remove the comma")
    return ordered(conditions)


def _read_condition(text: str, token: _Token, rest: Iterator[_Token], conditions: set[Comparator]) -> _Token:
    """Read an optional operator and a version; return the last token used."""
    op, word = "", token
    if token.is_operator:
        if token.text not in _OPERATORS:
            fix = _OPERATOR_FIXES.get(token.text, "use one of = != < <= > >= ^ ~")
            raise _error(text, token.at, token.text, "not an operator", fix)
        op = _OPERATORS[token.text]
        following = next(rest, None)
        if following is None or following.text == "," or following.is_operator:
            fix = f'write a version after it, e.g. "{op}1.2.0"'
            raise _error(text, token.at, token.text, "operator without a version", fix)
        word = following
    conditions.update(_read_word(text, op, word))
    return word


def _read_word(text: str, op: str, word: _Token) -> Group:
    match = _WORD.fullmatch(word.text)
    if match is None:
        raise _error(text, word.at, word.text, "not a version", _word_fix(word.text))
    slots = [slot for slot in match.group(1, 2, 3) if slot is not None]
    numbers = tuple(int(slot) for slot in slots if slot not in "xX*")
    if any(slot not in "xX*" for slot in slots[len(numbers) :]):
        raise _error(text, word.at, word.text, "number after a wildcard", 'end with the wildcard, e.g. "1.*"')
    if match.group(4) and len(numbers) < FULL:
        fix = 'write all three numbers before a prerelease, e.g. "1.2.0-rc.1"'
        raise _error(text, word.at, word.text, "prerelease of an incomplete version", fix)
    if not numbers and op:
        raise _error(text, word.at, word.text, f'operator "{op}" before "*"', 'write "*" alone for any version')
    return _expand(op, numbers, match.group(4)) if numbers else ()


def _word_fix(word: str) -> str:
    if word[0] in "vV":
        return f'remove the "{word[0]}"'
    if word == "-":
        return 'write two conditions instead of a hyphen range, e.g. ">=1.2,<2.3"'
    if "+" in word:
        return 'remove the part from "+": it plays no role in comparing versions'
    return 'write up to three numbers without leading zeros, e.g. "1.2.0", "1.2" or "1.*"'


def _expand(op: str, numbers: tuple[int, ...], prerelease: str | None) -> Group:
    """Turn one operator and a possibly partial version into plain comparators."""
    floor = Version(*_pad(numbers), prerelease=prerelease)
    last = len(numbers) - 1
    if op == "!=":
        return (Comparator("!=", floor, len(numbers)),)
    if op in ("<", ">=") or (len(numbers) == FULL and op not in ("^", "~")):
        return (Comparator(op or "=", floor),)
    first_nonzero = next((index for index, number in enumerate(numbers) if number), last)
    ceiling = _ceiling(numbers, {"^": first_nonzero, "~": min(last, 1)}.get(op, last))
    if op in (">", "<="):
        return (Comparator(">=" if op == ">" else "<", ceiling),)
    return Comparator(">=", floor), Comparator("<", ceiling)


def _ceiling(numbers: tuple[int, ...], index: int) -> Version:
    """Return the first version in which the number at ``index`` is one higher."""
    return Version(*_pad((*numbers[:index], numbers[index] + 1)))


def _pad(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    major, minor, patch = (*numbers, 0, 0)[:FULL]
    return major, minor, patch


def _error(text: str, at: int, token: str, message: str, fix: str) -> RangeError:
    shown = f' "{token}"' if token else ""
    return RangeError(f'range "{text}": at position {at + 1}{shown}: {message}; {fix}')
