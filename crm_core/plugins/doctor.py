"""What ``crm doctor`` looks at: each wall and each check in one sentence, with what to do.

It imports no plugin's code and needs no right but to read. A check that fails says so, and the others go on.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crm_core.db import roles
from crm_core.db.migrate import LOCATIONS, current, in_transaction, script_directory
from crm_core.errors import CrmError
from crm_core.plugin_host import core_code, fingerprint
from crm_core.plugin_host.discovery import discover
from crm_core.plugin_host.guard import safe_text
from crm_core.plugin_host.tiers import required_walls
from crm_core.plugins.checkup import plugin_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.settings import Settings

_NAMED = 3


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its section and name, how it came out, and a sentence that ends with what to do."""

    section: str
    check: str
    status: Status
    sentence: str
    required: bool = False
    """Whether a missing wall counts like a broken one."""

    @property
    def failed(self) -> bool:
        """Tell whether somebody has to act."""
        return self.status is Status.BROKEN or (self.status is Status.MISSING and self.required)


def examine(settings: Settings, discovered: Sequence[Discovered] | None = None) -> list[Finding]:
    """Return what every check has found, section by section."""
    url = settings.database_url
    found = list(_tried("database", "connection", lambda: [_version(url)]))
    reachable = not found[0].failed
    migrated = False
    if reachable:
        schema = list(_tried("database", "schema", lambda: _schema(url)))
        migrated = not any(finding.status is not Status.OK for finding in schema)
        found += [*schema, *_tried("database", "walls", lambda: _database_walls(url) if migrated else ())]
    found += _tried("isolation", "confinement", lambda: _isolation(settings))
    if migrated:
        found += _tried("plugins", "plugins", lambda: _plugins(settings, discovered))
    return [*found, *_tried("code", "release", _code)]


def compared(url: str) -> list[fingerprint.Comparison]:
    """Return the fingerprints, compared with those kept after the last step that may change them."""
    return in_transaction(url, fingerprint.compare, read_only=True)


def fingerprint_findings(comparisons: Iterable[fingerprint.Comparison]) -> list[Finding]:
    """Return the comparison of fingerprints as checks."""
    return [_of_comparison(each) for each in comparisons]


def _tried(section: str, check: str, examine_it: Callable[[], Iterable[Finding]]) -> Iterable[Finding]:
    """Run a check; whatever it raises becomes its finding."""
    try:
        return list(examine_it())
    except CrmError as error:
        return [Finding(section, check, Status.BROKEN, error.message)]
    except Exception as error:  # noqa: BLE001 - any failure of a check is what it has to tell
        return [Finding(section, check, Status.BROKEN, f"the check itself failed: {safe_text(error)}")]


def _version(url: str) -> Finding:
    if not any(current(url).values()):
        sentence = "there is no CRM database yet; run crm init"
        return Finding("database", "connection", Status.MISSING, sentence, required=True)

    def ask(connection: Connection) -> str:
        if connection.dialect.name == "sqlite":
            return f"SQLite {sqlite3.sqlite_version}"
        return f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar()}"

    return Finding("database", "connection", Status.OK, f"it answers: {in_transaction(url, ask, read_only=True)}")


def _schema(url: str) -> Iterator[Finding]:
    at = current(url)
    for schema, location in LOCATIONS.items():
        head = script_directory(location).get_current_head()
        if at[schema] == head:
            yield Finding("database", f"schema {schema}", Status.OK, f"at {head}, as this version needs it")
            continue
        sentence = f"at {at[schema] or 'nothing'}, this version needs {head}; run crm migrate"
        yield Finding("database", f"schema {schema}", Status.BROKEN, sentence)


def _database_walls(url: str) -> Iterable[Finding]:
    if url.startswith("sqlite"):
        return [_authorizer()]
    standing = in_transaction(url, roles.walls, read_only=True)
    return [
        Finding("database", wall.name, Status.OK if wall.standing else Status.MISSING, wall.sentence)
        for wall in standing
    ]


def _authorizer() -> Finding:
    """Ask SQLite itself: a library built without authorizers takes one, and never calls it."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        connection.execute("SELECT 1")
    except sqlite3.DatabaseError:
        sentence = "SQLite asks the core before each statement what it may touch"
        return Finding("database", "authorizer", Status.OK, sentence)
    finally:
        connection.close()
    sentence = "this SQLite is built without authorizers, so plugins can touch every table; use another build of it"
    return Finding("database", "authorizer", Status.BROKEN, sentence)


def _isolation(settings: Settings) -> Iterator[Finding]:
    from crm_core.isolation.confinement import probe  # noqa: PLC0415 - the walls are asked for only where one is needed

    report, required = probe(), required_walls(settings)
    for wall in sorted(report.standing):
        yield Finding("isolation", wall, Status.OK, "it stands around isolated plugins", wall in required)
    for wall, reason in sorted(report.missing.items()):
        needed = wall in required
        advice = "isolated plugins are not started without it (CRM_ISOLATION_REQUIRE)" if needed else "the others hold"
        yield Finding("isolation", wall, Status.MISSING, f"{reason}; {advice}", needed)
    for wall in sorted(required - report.standing - report.missing.keys()):
        sentence = f"there is no such wall; correct CRM_ISOLATION_REQUIRE={settings.isolation_require}"
        yield Finding("isolation", wall, Status.BROKEN, sentence, required=True)


def _plugins(settings: Settings, discovered: Sequence[Discovered] | None) -> Iterator[Finding]:
    found = list(discover() if discovered is None else discovered)
    checks = in_transaction(
        settings.database_url, lambda connection: plugin_findings(connection, settings, found), read_only=True
    )
    for check, status, sentence in checks:
        yield Finding("plugins", check, Status(status), sentence)


def _code() -> Iterator[Finding]:
    for name, package in core_code.DISTRIBUTIONS.items():
        if core_code.is_editable(name):
            sentence = "a development checkout, which no release can be compared with"
            yield Finding("code", name, Status.OK, sentence)
            continue
        differences = core_code.differences_from_release(name, package)
        if differences:
            more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
            sentence = f"not as released: {'; '.join(differences[:_NAMED])}{more}; install {name} again"
            yield Finding("code", name, Status.BROKEN, sentence)
        else:
            yield Finding("code", name, Status.OK, "every file is as released")


def _of_comparison(each: fingerprint.Comparison) -> Finding:
    check = each.scope
    if each.kept is None:
        sentence = f"{each.digest[:16]}, never kept before; crm doctor --accept keeps it"
        return Finding("fingerprint", check, Status.MISSING, sentence)
    since = f"since {each.kept.taken_at:%Y-%m-%d %H:%M} ({each.kept.taken_by})"
    if not each.changed:
        return Finding("fingerprint", check, Status.OK, f"{each.digest[:16]}, unchanged {since}")
    differ = f"{len(each.added) + len(each.removed)} lines differ {since}"
    if check == fingerprint.CODE and any(map(core_code.is_editable, core_code.DISTRIBUTIONS)):
        return Finding("fingerprint", check, Status.OK, f"{differ}, as they may in a development checkout")
    sentence = f"{differ}; find out who changed it, then undo it or keep it with crm doctor --accept"
    return Finding("fingerprint", check, Status.BROKEN, sentence)
