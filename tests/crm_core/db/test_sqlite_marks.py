"""No statement ever runs with other rights than it was prepared with, and changing rights prepares nothing again."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from crm_core.db.rights import PluginRights
from crm_core.db.sqlite import SqliteConnection
from crm_core.db.sqlite_authorizer import Gate
from crm_core.db.statements import MARK, Statement
from crm_core.errors import DatabaseError, PermissionDenied
from tests.support.sqlite_plugins import LOYALTY, OF_OTHERS, OTHER, add_plugins, ask, dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READER = PluginRights("loyalty", "loyalty@1.0.0", frozenset({"account"}))
_EVERYBODY = {"core": None, "loyalty": LOYALTY, "other": OTHER, "reader": READER}
# Each statement with those who may run it: what everybody asks for, in the same words, again and again.
_ALLOWED = {
    "SELECT count(*) FROM record": {"core"},
    "UPDATE record SET record_type = record_type": {"core"},
    "SELECT name FROM account": {"core", "reader"},
    "SELECT id FROM plg_loyalty__ledger": {"loyalty", "reader"},
    "UPDATE plg_loyalty__ledger SET points = points + 1": {"loyalty", "reader"},
    "DELETE FROM plg_other__t WHERE 0": {"other"},
    "SELECT tier FROM plg_loyalty__account_fields": {"core", "loyalty", "reader"},
    "DELETE FROM plg_loyalty__account_fields": {"core"},
    "SELECT 1": {"core", "loyalty", "other", "reader"},
    "SAVEPOINT mine": {"core"},
}


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """Give a migrated file with the tables of two plugins."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    add_plugins(file)
    return file


@pytest.fixture
def connection(path: Path) -> Iterator[SqliteConnection]:
    """Open the file as the writer does, in a transaction."""
    opened = SqliteConnection(path, read_only=False)
    opened.begin()
    yield opened
    opened.close()


def _require_verdict(connection: SqliteConnection, who: str, sql: str) -> None:
    """Run a statement and require that it does what its rights say."""
    if who in _ALLOWED[sql]:
        ask(connection, sql, _EVERYBODY[who])
    else:
        with pytest.raises(DatabaseError if who == "core" else PermissionDenied):
            ask(connection, sql, _EVERYBODY[who])


def _evict(connection: SqliteConnection) -> None:
    """Let the driver forget every statement that it has kept."""
    connection.become(None)
    for number in range(1100):
        connection.fetch(Statement(text(f"SELECT {number}")), {})


def _change_schema(connection: SqliteConnection, path: Path) -> None:
    """Let somebody else change the schema, so that SQLite prepares every kept statement again as it runs."""
    connection.become(None)
    connection.commit()
    raw = sqlite3.connect(path)
    raw.execute("CREATE INDEX IF NOT EXISTS plg_other__late ON plg_other__t (record_id)")
    raw.execute("DROP INDEX plg_other__late")
    raw.commit()
    raw.close()
    connection.begin()


def _nest(connection: SqliteConnection, _: Path) -> None:
    """Leave a savepoint of somebody else's by going back, after a statement that was refused inside."""
    connection.savepoint("sp1")
    connection.become(OTHER)
    connection.savepoint("sp2")
    with suppress(DatabaseError):
        ask(connection, "SELECT name FROM account", READER)
    connection.rollback_to("sp2")
    assert connection.rights == OTHER
    connection.rollback_to("sp1")


_EVENTS: dict[str, Callable[[SqliteConnection, Path], None]] = {
    "evict": lambda connection, _: _evict(connection),
    "schema": _change_schema,
    "nest": _nest,
}
_STEP = st.tuples(st.sampled_from(list(_EVERYBODY)), st.sampled_from(list(_ALLOWED)))


@given(steps=st.lists(_STEP | _STEP | _STEP | st.sampled_from(list(_EVENTS)), min_size=10, max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_asked_before_in_the_same_words_changes_nothing(path: Path, steps: list[Any]) -> None:
    before = dump(path, *OF_OTHERS)
    connection = SqliteConnection(path, read_only=False)
    connection.begin()
    for step in steps:
        if isinstance(step, str):
            _EVENTS[step](connection, path)
        else:
            _require_verdict(connection, *step)
    connection.rollback()
    connection.close()
    assert dump(path, *OF_OTHERS) == before


@pytest.mark.parametrize("event", _EVENTS)
@pytest.mark.parametrize("first", _EVERYBODY)
def test_each_asks_after_each_other(connection: SqliteConnection, path: Path, first: str, event: str) -> None:
    for sql, allowed in _ALLOWED.items():
        if first in allowed and not sql.startswith("SAVEPOINT"):
            ask(connection, sql, _EVERYBODY[first])
    _EVENTS[event](connection, path)
    for who in _EVERYBODY:
        for sql in _ALLOWED:
            _require_verdict(connection, who, sql)


def test_savepoints_are_the_core_s_also_where_a_plugin_asked_for_the_same_text(connection: SqliteConnection) -> None:
    for _ in range(2):
        connection.savepoint("sp1")
        for sql in ("SAVEPOINT sp1", "RELEASE SAVEPOINT sp1", "ROLLBACK TO SAVEPOINT sp1", "COMMIT"):
            with pytest.raises(PermissionDenied):
                ask(connection, sql)
        connection.rollback_to("sp1")
    assert connection.in_transaction


@pytest.mark.parametrize("number", [0, 1, 2, 99])
@pytest.mark.parametrize("rights", [None, LOYALTY])
def test_no_statement_brings_a_mark(connection: SqliteConnection, rights: PluginRights | None, number: int) -> None:
    ask(connection, "SELECT id FROM plg_loyalty__ledger", LOYALTY)
    ask(connection, "SELECT id FROM plg_other__t", OTHER)
    for sql in ("SELECT id FROM plg_loyalty__ledger", "SELECT id FROM plg_other__t"):
        with pytest.raises(ValueError, match="a statement begins with a comment"):
            ask(connection, MARK.format(number) + sql, rights)


def test_a_mark_hides_nothing_of_a_statement(connection: SqliteConnection) -> None:
    connection.become(LOYALTY)
    for sql, rows in (
        ("UPDATE plg_loyalty__ledger SET points = 3", 1),
        ("INSERT INTO plg_loyalty__entry (id) VALUES (2), (3)", 2),
        ("DELETE FROM plg_loyalty__entry", 3),
    ):
        assert connection.execute(Statement(text(sql)), {}) == rows


def test_nothing_is_prepared_again_when_rights_change(connection: SqliteConnection) -> None:
    def scope() -> None:
        connection.savepoint("sp1")
        ask(connection, "UPDATE plg_loyalty__ledger SET points = points + 1", LOYALTY)
        connection.release("sp1")
        ask(connection, "SELECT id FROM plg_other__t", OTHER)
        ask(connection, "SELECT count(*) FROM record", None)

    asked: list[str] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Gate.__call__.__code__:
            asked.append(frame.f_locals["action"])

    found = []
    for _ in range(2):
        asked.clear()
        sys.setprofile(note)
        try:
            scope()
        finally:
            sys.setprofile(None)
        found.append(len(asked))
    assert found[0] > 5
    assert found[1] == 0
