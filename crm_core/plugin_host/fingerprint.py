"""Fingerprints: one digest per part of an installation, and the lines it is of, so that a difference can be shown.

The parts (scopes) are the core's and the platform's catalogs, the database's own objects, each plugin's catalog, and
the core's code.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.migrate import current, in_transaction
from crm_core.plugin_host.catalogs import ELSEWHERE, catalogs, name_of
from crm_core.plugin_host.core_code import CodeFiles
from crm_core.schema import fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.catalogs import Lines

CODE = "code"


@dataclass(frozen=True, slots=True)
class Kept:
    """A fingerprint as it was kept after a step."""

    digest: str
    lines: frozenset[str]
    taken_at: dt.datetime
    taken_by: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One scope now and as it was kept; ``kept`` is None if it never was."""

    scope: str
    digest: str
    kept: Kept | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Tell whether it differs from what was kept."""
        return bool(self.added or self.removed)


def digest(lines: Collection[str]) -> str:
    """Return the digest of the lines of a scope; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def take(connection: Connection) -> Lines:
    """Return the lines of every scope as they are now."""
    return {**catalogs(connection), CODE: CodeFiles.read().lines()}


def changed_objects(before: Lines, after: Lines, *, but: str) -> list[str]:
    """Return the names of the objects outside the scope ``but`` that are not as before."""
    found: set[str] = set()
    for scope in (before.keys() | after.keys()) - {but}:
        found |= {name_of(line) for line in before.get(scope, frozenset()) ^ after.get(scope, frozenset())}
    return sorted(found)


def keep_step(connection: Connection, after: Lines, by: str, scope: str) -> None:
    """Keep a scope anew after a step that may change it, and what was never kept.

    Of the others nothing is kept: what somebody has changed since the last time stays to be seen.
    """
    there = set(connection.execute(sa.select(fingerprint.c.scope)).scalars())
    code = {} if CODE in there else {CODE: CodeFiles.read().lines()}
    _keep(connection, {name: lines for name, lines in after.items() if name not in there - {scope}} | code, {scope}, by)


def _versions(code: Collection[str]) -> frozenset[str]:
    return frozenset(line for line in code if line.startswith("version "))


def _keep(connection: Connection, lines: Lines, instead_of: Collection[str], by: str) -> None:
    scopes = sorted(lines.keys() - {ELSEWHERE})
    connection.execute(sa.delete(fingerprint).where(fingerprint.c.scope.in_([*instead_of, *scopes])))
    rows = [
        {
            "scope": scope,
            "digest": digest(lines[scope]),
            "listing": "\n".join(sorted(lines[scope])),
            "taken_at": dt.datetime.now(dt.UTC),
            "taken_by": by,
        }
        for scope in scopes
    ]
    if rows:
        connection.execute(sa.insert(fingerprint), rows)


def before_migration(url: str) -> Lines:
    """Return the catalogs of a database that may not exist yet, for ``keep_migrated``."""
    if not any(current(url).values()):
        return {}
    return in_transaction(url, catalogs, read_only=True)


def keep_migrated(url: str, by: str, before: Lines) -> None:
    """Keep anew what a migration has changed, and what was never kept.

    A migration runs at every start of some installations, and must not make somebody else's change look like its own.
    """

    def work(connection: Connection) -> None:
        there, now = kept(connection), take(connection)
        upgraded = CODE in there and not _versions(now[CODE]) <= there[CODE].lines
        changed = {scope for scope, lines in now.items() if lines != before.get(scope)} - {CODE}
        fresh = {scope for scope in now if scope in changed or scope not in there or (scope == CODE and upgraded)}
        _keep(connection, {scope: now[scope] for scope in fresh}, (), by)

    in_transaction(url, work)


def keep_all(url: str, by: str) -> None:
    """Keep every scope as it is now: after a migration, or because an operator says that it is as it should be."""
    in_transaction(url, lambda connection: _keep(connection, take(connection), kept(connection), by))


def kept(connection: Connection) -> dict[str, Kept]:
    """Return what was kept, by scope."""
    rows = connection.execute(sa.select(fingerprint)).all()
    return {
        row.scope: Kept(row.digest, frozenset(row.listing.splitlines()), row.taken_at, row.taken_by) for row in rows
    }


def compare(connection: Connection) -> list[Comparison]:
    """Return every scope there is, or was, compared with what was kept."""
    now, then = take(connection), kept(connection)
    now.pop(ELSEWHERE, None)
    return [_compared(scope, now, then) for scope in sorted(now.keys() | then.keys())]


def _compared(scope: str, now: Lines, then: Mapping[str, Kept]) -> Comparison:
    lines, before = now.get(scope, frozenset()), then.get(scope)
    if before is None:
        return Comparison(scope, digest(lines), None)
    added, removed = sorted(lines - before.lines), sorted(before.lines - lines)
    return Comparison(scope, digest(lines), before, tuple(added), tuple(removed))
