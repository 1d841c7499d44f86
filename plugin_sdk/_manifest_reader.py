"""Read the tables of a manifest and collect every problem on the way instead of stopping at the first."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from plugin_sdk.errors import ManifestProblem, RangeError
from plugin_sdk.versions import Range

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_LONGEST_SHOWN: Final = 80
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_TYPE_WORDS: Final[dict[type, str]] = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


class Missing(Enum):
    """The value of a key that is not in the manifest at all."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class Problem(ManifestProblem):
    """A problem that shows its value as TOML does, and no value where the key is missing."""

    __slots__ = ()

    def __str__(self) -> str:
        """Render the problem on one line."""
        shown = "" if self.value is MISSING else f" = {show(self.value)}"
        return f"{self.source}: {self.key}{shown}: {self.message}; {self.fix}" if self.key else self._whole_file()

    def _whole_file(self) -> str:
        return f"{self.source}: {self.message}; {self.fix}"


@dataclass(frozen=True, slots=True)
class NameRule:
    """What names of one sort look like."""

    what: str
    pattern: re.Pattern[str]
    longest: int
    fix: str

    def problem(self, name: str) -> str | None:
        """Return what is wrong with a name, or None."""
        if len(name) > self.longest:
            return f"{self.what} of {len(name)} characters, at most {self.longest} are allowed"
        return None if self.pattern.fullmatch(name) else f"not {self.what}"


_SNAKE_FIX = "use lower-case letters, digits and underscores, and start with a letter"
PLUGIN_ID: Final = NameRule(
    "a plugin id",
    re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
    30,
    'use lower-case letters and digits, words joined by single underscores, e.g. "lead_scoring"',
)
NAME: Final = NameRule("a name", re.compile(r"[a-z][a-z0-9_]*"), 40, _SNAKE_FIX)
RECORD_TYPE: Final = NameRule("a record type", re.compile(r"[a-z][a-z0-9_]*"), 60, _SNAKE_FIX)
HOOK: Final = NameRule("a hook name", re.compile(r"[a-z][a-z0-9_]*"), 60, _SNAKE_FIX)


class Section:
    """One table of the manifest; remembers which keys were read, so that the rest can be reported as unknown."""

    def __init__(self, problems: list[ManifestProblem], source: str, path: str, data: dict[str, object]) -> None:
        self.problems = problems
        self.source = source
        self.path = path
        self.data = data
        self._read: dict[str, None] = {}

    def at(self, key: str) -> str:
        """Return the full key, as a person would look for it in the file."""
        quoted = key if _BARE_KEY.fullmatch(key) else json.dumps(key)
        return f"{self.path}.{quoted}" if self.path else quoted

    def report(self, key: str, message: str, fix: str, value: object = MISSING) -> None:
        """Note a problem; without a value, the one in the file is shown."""
        shown = self.data.get(key, MISSING) if value is MISSING else value
        self.problems.append(Problem(self.source, self.at(key) if key else self.path, shown, message, fix))

    def has(self, key: str) -> bool:
        """Say whether the file has the key, and count it as known."""
        self._read[key] = None
        return key in self.data

    def read(self, key: str, type_: type[T], *, example: str = "") -> T | None:
        """Return the value of an optional key, or None where it is absent or of another type (reported)."""
        if not self.has(key):
            return None
        value = self.data[key]
        # Exact types: True is an int to Python, but not to the author of a manifest.
        if type(value) is type_:
            return value
        self.report(key, "wrong type", f"write {_TYPE_WORDS[type_]}" + (f", e.g. {example}" if example else ""))
        return None

    def need(self, key: str, type_: type[T], *, example: str) -> T | None:
        """Return the value of a required key, or None where it is absent or of another type (reported)."""
        if not self.has(key):
            self.report(key, "missing", f"write {_TYPE_WORDS[type_]}, e.g. {key} = {example}")
            return None
        return self.read(key, type_, example=example)

    def flag(self, key: str) -> bool:
        """Return an optional switch, off where absent or wrong (reported)."""
        return self.read(key, bool) or False

    def member(self, key: str, enum: type[E], *, example: str, default: E | None = None) -> E | None:
        """Return a key that holds one of a set of words; the default where absent, None where wrong (reported)."""
        if default is not None and not self.has(key):
            return default
        text = self.need(key, str, example=f'"{example}"')
        words = {member.value: member for member in enum}
        if text is not None and text not in words:
            self.report(key, "unknown word", did_you_mean(text, words))
        return None if text is None else words.get(text)

    def line(self, key: str, longest: int, *, example: str, required: bool = True) -> str:
        """Return one line of text for people; empty where absent or wrong (reported)."""
        text = self.need(key, str, example=example) if required else self.read(key, str, example=example)
        if text is None or (not required and not text):
            return ""
        if not text.strip() or not text.isprintable() or len(text) > longest:
            fix = f"write one line of 1 to {longest} printable characters, e.g. {example}"
            self.report(key, "not a line of text", fix)
            return ""
        return text

    def name(self, key: str, rule: NameRule, *, example: str, known: Collection[str] | None = None) -> str:
        """Return a required name that follows a rule; empty where it does not (reported)."""
        text = self.need(key, str, example=f'"{example}"')
        return text if text is not None and self.check(key, text, rule, known=known) else ""

    def check(self, key: str, name: str, rule: NameRule, *, known: Collection[str] | None = None) -> bool:
        """Report a name that breaks its rule or that the core does not know."""
        message = rule.problem(name)
        if message is not None:
            self.report(key, message, rule.fix, name)
        elif known is not None and name not in known:
            self.report(key, f"unknown, not {rule.what} of this core", did_you_mean(name, known), name)
        else:
            return True
        return False

    def range(self, key: str, *, example: str) -> Range:
        """Return a required version range; any version where it is wrong (reported)."""
        text = self.need(key, str, example=example)
        try:
            return Range.parse(text if text is not None else "*")
        except RangeError as error:
            self.report(key, str(error).removeprefix(f'range "{text}": '), f"a range looks like {example}")
            return Range.parse("*")

    def texts(self, key: str, *, example: str) -> list[tuple[str, str]]:
        """Return the items of an optional list of unique texts, each with its key."""
        found: dict[str, str] = {}
        for index, item in enumerate(self.read(key, list, example=example) or []):
            at = f"{key}[{index}]"
            if type(item) is not str or not item.strip():
                self.report_item(at, "not a text", f"write texts in quotes, e.g. {example}", item)
            elif item in found:
                self.report_item(at, "written twice", "remove one of the two", item)
            else:
                found[item] = at
        return [(at, item) for item, at in found.items()]

    def names(self, key: str, rule: NameRule, *, example: str, known: Collection[str] | None = None) -> tuple[str, ...]:
        """Return an optional list of names that follow a rule."""
        good = []
        for at, item in self.texts(key, example=example):
            message = rule.problem(item)
            if message is not None:
                self.report_item(at, message, rule.fix, item)
            elif known is not None and item not in known:
                self.report_item(at, f"unknown, not {rule.what} of this core", did_you_mean(item, known), item)
            else:
                good.append(item)
        return tuple(good)

    def report_item(self, at: str, message: str, fix: str, value: object) -> None:
        """Note a problem of one item of a list, under the key that ``texts`` returned for it."""
        path = f"{self.path}.{at}" if self.path else at
        self.problems.append(Problem(self.source, path, value, message, fix))

    def section(self, key: str) -> Section:
        """Return an optional table, empty where absent."""
        data = self.read(key, dict)
        return Section(self.problems, self.source, self.at(key), data or {})

    def sections(self) -> Iterator[tuple[str, Section]]:
        """Iterate over the sub-tables of a table with free keys."""
        for key in self.data:
            if self.read(key, dict) is not None:
                yield key, self.section(key)

    def array(self, key: str) -> Iterator[Section]:
        """Iterate over an optional array of tables."""
        for index, item in enumerate(self.read(key, list) or []):
            at = f"{key}[{index}]"
            if type(item) is dict:
                yield Section(self.problems, self.source, f"{self.path}.{at}" if self.path else at, item)
            else:
                self.report_item(at, "wrong type", f"write a table, [[{key}]]", item)

    def finish(self) -> None:
        """Report every key that nobody has read."""
        for key in self.data:
            if key not in self._read:
                self.report(key, "unknown key", did_you_mean(key, self._read))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a fix for an unknown name: the closest known one, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"use one of: {', '.join(sorted(known)) or '(none)'}"


def show(value: object) -> str:
    """Return a value roughly as TOML writes it, cut to a readable length."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = f"({type(value).__name__})"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
