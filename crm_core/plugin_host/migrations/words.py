"""Reading a statement letter by letter, before any parser does: plain SQL only, in which parsers cannot differ.

Nothing here knows what a statement means. It refuses the spellings by which a text can be one thing to a parser and
another to the database (dollar quotes, escapes, nested comments, a second statement), and it knows every word that has
a place in a migration, so that a word which a parser skips over is noticed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from crm_core.plugin_host.migrations.refusal import ADVICE, ONE_TRANSACTION, Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["KNOWN", "Words", "kind", "read"]

_LONGEST = 200_000
_DEEPEST = 40
_KINDS = frozenset(
    {
        *("CREATE TABLE", "CREATE INDEX", "CREATE UNIQUE INDEX", "ALTER TABLE", "DROP TABLE", "DROP INDEX", "COMMENT"),
        *("INSERT", "UPDATE", "DELETE", "SELECT", "WITH"),
    }
)
_TRANSACTIONS = frozenset({"ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"})
# The words that tell what kind of thing a CREATE, ALTER or DROP is about.
_OBJECTS = frozenset(
    """
    aggregate cast collation conversion database domain extension function group index language operator policy
    procedure publication role routine rule schema sequence server statistics subscription table tablespace transform
    trigger type user view
    """.split()  # noqa: SIM905 - read by people
)
_BEFORE_OBJECTS = frozenset(
    {
        *("access", "constraint", "event", "foreign", "materialized", "or", "replace", "temp", "temporary", "text"),
        *("unique", "unlogged", "virtual"),
    }
)
_BRACKETS = {"[", "]"}
_DEPTH = {"(": 1, "[": 1, ")": -1, "]": -1}
_SPELLINGS = (
    (r"\$", "quote text with dollars", "write it in single quotes"),
    (r"/\*", "put a comment into a comment, or leave it without an end", "leave the comment out"),
    (r"'", "write a backslash into text, or leave it without an end", "send the text as a parameter"),
    (r'"', "write a backslash into a name, or leave it without an end", "use names that need no quotes"),
    (r"\w*&?['\"]", "put letters before quotes, as in E'...'", "write text in single quotes alone"),
)
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--[^\n]*|/\*(?![+!])(?:(?!/\*|\*/).)*\*/)
    | (?P<text>'(?:[^'\\\x00]|'')*')
    | (?P<quoted>"(?P<inner>[^"\\\x00]+)")
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w$]))
    | (?P<word>[A-Za-z_]\w*(?!['"$]))
    | (?P<parameter>\$\d+(?![\w$])|\?|(?<!:):[A-Za-z_]\w*)
    | (?P<sign>::|->>?|<>|[<>!=]=|\|\||/(?!\*)|-(?!-)|\*(?!/)|[()\[\],.;%+<>=])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Words(NamedTuple):
    """A statement's words in lower case, those in quotes left out, and what of it there is to parse."""

    words: tuple[str, ...]
    text: str


def read(text: str, *, on_sqlite: bool) -> Words:
    """Read one statement, or raise Forbidden for anything but one statement in plain SQL."""
    if len(text) > _LONGEST:
        raise Forbidden(f"send a statement of more than {_LONGEST} characters", "send some hundred rows at a time")
    words: list[str] = []
    try:
        plain = "".join(_read(text.strip().removesuffix(";"), words, on_sqlite=on_sqlite)).strip()
    except Forbidden:
        if words:
            _require_known_kind(words)
        raise
    _require_known_kind(words)
    return Words(tuple(words), plain)


def kind(words: Sequence[str]) -> str:
    """Return what a statement is by its first words: CREATE FUNCTION, SET."""
    said = list(words[:1])
    for word in words[1:] if words and words[0] in {"create", "alter", "drop"} else ():
        if word in _BEFORE_OBJECTS or word in _OBJECTS:
            said.append(word)
        if word not in _BEFORE_OBJECTS:
            break
    return " ".join(said).upper() or "empty statement"


def _require_known_kind(words: Sequence[str]) -> None:
    """Refuse a statement by what it is before by how it is written: that says more to its author."""
    said = kind(words)
    if said not in _KINDS:
        instead = ONE_TRANSACTION if said in _TRANSACTIONS else ADVICE
        raise Forbidden(f"use {said}" if words else "send an empty statement", instead)


def _read(text: str, words: list[str], *, on_sqlite: bool) -> Iterator[str]:
    """Yield what there is to parse and note the words; raise Forbidden where it stops to be plain SQL."""
    depth = position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _strange(text, position)
        position = match.end()
        sign, parameter = match["sign"] or "", match["parameter"]
        if sign == ";":
            raise Forbidden("send two statements at once", "send them one by one")
        if on_sqlite and sign in _BRACKETS:
            raise Forbidden("quote names with brackets", "write them without quotes")
        if parameter and parameter.startswith("$") == on_sqlite:
            raise Forbidden(f"write {parameter[0]!r}", "let SQLAlchemy write the parameters: sa.text() takes :name")
        depth += _DEPTH.get(sign, 0)
        if depth > _DEEPEST:
            raise Forbidden(f"nest parentheses more than {_DEEPEST} deep", "send several simpler statements")
        if match["word"]:
            words.append(match["word"].lower())
        # Where a value stands any will do; the parser knows other readings of a dollar.
        yield "NULL" if parameter else " " if match["comment"] else match[0]


def _strange(text: str, position: int) -> Forbidden:
    rest = text[position : position + 20]
    for beginning, what, instead in _SPELLINGS:
        if re.match(beginning, rest):
            return Forbidden(what, instead)
    return Forbidden(f"write {rest[:1]!r}", "no statement that a migration needs has it outside of quotes")


# Words of the statements that are allowed. Names need not be here, they are known from the syntax tree.
_GRAMMAR = """
add all alter always and any array as asc between by cascade case cast check coalesce collate column comment conflict
constraint create cross current_date current_time current_timestamp default default delete desc distinct do double drop
else end escape except exclude excluded exists extract false filter first following foreign from full generated group
having if ilike in include index inner insert integer intersect into is join key last left like limit not nothing null
nullif nulls offset on or order outer over partition preceding precision primary range references rename replace
returning right row rows select set similar some stored table then time to true type unbounded union unique update
using value values varying virtual when where with without zone data interval is
"""
_TYPES = """
bigint blob bool boolean bytea char character date datetime decimal float int int2 int4 int8 json jsonb real
smallint text timestamp timestamptz timetz uuid varchar numeric name oid regclass
"""
_ACCESS = "nocase binary btree gin gist hash brin text_pattern_ops varchar_pattern_ops jsonb_ops jsonb_path_ops"

KNOWN = frozenset(f"{_GRAMMAR} {_TYPES} {_ACCESS}".split())
"""Every word that may stand in a statement without being somebody's name or a function."""
