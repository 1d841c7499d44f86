"""Everything that is wrong with a mapping, collected before a single row is read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crm_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAMES = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table", list: "a list"}


class MappingError(InvalidInput):
    """A mapping cannot be used; ``details["problems"]`` has one sentence for each reason."""

    code = "invalid_mapping"


@dataclass(slots=True)
class Problems:
    """The problems found so far in one mapping file."""

    source: str
    found: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note a problem of one key."""
        self.found.append(f"{self.source}: {where}: {what}")

    def finish(self) -> None:
        """Raise if anything was found."""
        if self.found:
            raise MappingError("\n".join(self.found), problems=list(self.found))


@dataclass(slots=True)
class Section:
    """One table of the mapping: reads its keys and knows which there may be."""

    problems: Problems
    where: str
    data: Mapping[str, Any]

    def only(self, known: Iterable[str]) -> None:
        """Report every key that is not known, with the nearest one that is."""
        names = list(known)
        for key in self.data:
            if key not in names:
                self.problems.add(f"{self.where}.{key}", f"there is no such key; {nearest(key, names)}")

    def get(self, key: str, kind: type, default: Any = None, *, required: bool = False) -> Any:
        """Return the value of a key; report it, and return the default, where it is missing or of another type."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.problems.add(f"{self.where}.{key}", f"missing; write {_NAMES[kind]}")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problems.add(f"{self.where}.{key}", f"{value!r} is not {_NAMES[kind]}")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.get(key, list, [])
        if not all(isinstance(value, str) for value in values):
            self.problems.add(f"{self.where}.{key}", f"{values!r} is not a list of texts")
            return ()
        return tuple(values)

    def inner(self, key: str) -> Section:
        """Return a table inside this one, empty where there is none."""
        return Section(self.problems, f"{self.where}.{key}", self.get(key, dict, {}))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint: the names that look like the wrong one, or all there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(names)}" if names else "there are none"
