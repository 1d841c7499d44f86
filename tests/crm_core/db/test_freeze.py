from __future__ import annotations

from pathlib import Path

import pytest

import crm_core.db
from crm_core.db.freeze import freeze

_MIGRATIONS = Path(crm_core.db.__file__).parent / "migrations"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    for name in ("core", "platform"):
        (tmp_path / name / "versions").mkdir(parents=True)
    return tmp_path


def test_freezing_twice_gives_the_same_scripts(empty: Path) -> None:
    first = {file: file.read_bytes() for file in freeze(empty)}
    assert {file: file.read_bytes() for file in freeze(empty)} == first
    assert {str(file.relative_to(empty)) for file in first} == {
        f"{name}/versions/0001_initial.{dialect}.sql"
        for name in ("core", "platform")
        for dialect in ("postgresql", "sqlite")
    }


def test_scripts_are_plain_text_without_blanks_at_line_ends(empty: Path) -> None:
    for file in freeze(empty):
        text = file.read_text()
        assert text.endswith(";\n")
        assert "\t" not in text
        assert '"' not in text.replace('COLLATE "C"', "")
        assert all(line == line.rstrip() for line in text.splitlines())


def test_nothing_is_frozen_again_once_there_is_a_later_migration(empty: Path) -> None:
    (empty / "core" / "versions" / "0002_more.sqlite.sql").touch()
    with pytest.raises(RuntimeError, match=r"has migrations after 0001_initial \(0002_more\.sqlite\.sql\)"):
        freeze(empty)
    assert [file.name for file in (empty / "core" / "versions").iterdir()] == ["0002_more.sqlite.sql"]


def test_the_shipped_first_scripts_exist_for_both_databases() -> None:
    for name in ("core", "platform"):
        for dialect in ("postgresql", "sqlite"):
            assert (_MIGRATIONS / name / "versions" / f"0001_initial.{dialect}.sql").is_file()
