"""Copies of a prepared SQLite file, and the fixture that runs a test on both kinds of database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import build_sqlite_template, clone_sqlite

if TYPE_CHECKING:
    from pathlib import Path


def test_a_sqlite_template_still_in_use_is_refused(tmp_path: Path) -> None:
    users: list[sqlite3.Connection] = []

    def prepare(_url: str) -> None:
        connection = sqlite3.connect(tmp_path / "template.db", isolation_level=None)
        users.append(connection)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "CREATE TABLE a (n)",
            "BEGIN IMMEDIATE",
            "INSERT INTO a VALUES (1)",
        ):
            connection.execute(statement)

    with pytest.raises(RuntimeError, match="still in use"):
        build_sqlite_template(tmp_path / "template.db", prepare)
    users[0].close()


def test_a_sqlite_clone_has_the_template_s_rows_and_keeps_its_own(tmp_path: Path) -> None:
    def prepare(url: str) -> None:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE a (n); INSERT INTO a VALUES (1);")

    template = build_sqlite_template(tmp_path / "template.db", prepare)
    urls = [clone_sqlite(template, tmp_path / name) for name in ("one.db", "two.db")]
    rows = []
    for url, value in zip(urls, (2, 3), strict=True):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("INSERT INTO a VALUES (?)", (value,))
            rows.append(connection.execute("SELECT n FROM a").fetchall())
    assert rows == [[(1,), (2,)], [(1,), (3,)]]


def test_both_kinds_of_database_are_offered(database_url: str, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["database_url"]
    assert database_url.split(":", 1)[0] == kind
