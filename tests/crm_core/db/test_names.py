from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.db.names import plugin_schema, sqlite_text


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT core.account.name FROM core.account", "SELECT account.name FROM account"),
        ('SELECT core.account."order" FROM core.account', 'SELECT account."order" FROM account'),
        ("UPDATE plat.job SET name=?", "UPDATE plat_job SET name=?"),
        ("DELETE FROM plg_loyalty.ledger", "DELETE FROM plg_loyalty__ledger"),
        ("SELECT a.x FROM plg_acme_loyalty.ledger AS a", "SELECT a.x FROM plg_acme_loyalty__ledger AS a"),
        ("CREATE INDEX plg_a.ix ON plg_a.t (x)", "CREATE INDEX plg_a__ix ON plg_a__t (x)"),
        ("FROM core . account, CORE.contact", "FROM account, contact"),
        ("SELECT 'core.account', 'it''s core.account'", "SELECT 'core.account', 'it''s core.account'"),
        ('SELECT 1 AS "core.account"', 'SELECT 1 AS "core.account"'),
        ("SELECT 1 -- core.account\nFROM core.record", "SELECT 1 -- core.account\nFROM record"),
        ("SELECT /* core.a\n core.b */ 1 FROM core.c", "SELECT /* core.a\n core.b */ 1 FROM c"),
        (
            "SELECT score.x, x.core.y, :core.z, _core.a FROM score",
            "SELECT score.x, x.core.y, :core.z, _core.a FROM score",
        ),
        ("SELECT platform.x, template.plat FROM platform", "SELECT platform.x, template.plat FROM platform"),
    ],
)
def test_schemas_become_part_of_names(sql: str, expected: str) -> None:
    assert sqlite_text(sql) == expected


@pytest.mark.parametrize(
    "sql",
    ['SELECT * FROM core."account"', 'SELECT * FROM "core".account', 'SELECT * FROM plg_a."t"', 'FROM "plg_a" . t'],
)
def test_quoted_tables_are_refused_with_the_place(sql: str) -> None:
    with pytest.raises(
        ValueError, match=r"quoted table name at '.*: schemas and tables have names that need no quotes"
    ):
        sqlite_text(sql)


@pytest.mark.parametrize("schema", ["plg_a__b", "plg_a_"])
def test_a_schema_that_could_be_taken_for_anothers_is_refused(schema: str) -> None:
    with pytest.raises(ValueError, match=f"schema '{schema}' has no name on SQLite"):
        sqlite_text(f"FROM {schema}.t")


@pytest.mark.parametrize("plugin_id", ["", "Loyalty", "acme-loyalty", "a__b", "_a", "a_", "ä", "a" * 60, "a;drop"])
def test_an_id_that_cannot_name_a_schema_is_refused(plugin_id: str) -> None:
    with pytest.raises(
        ValueError, match=r"cannot name a schema: use lower case letters, digits and single underscores"
    ):
        plugin_schema(plugin_id)


_IDS = st.from_regex(r"[a-z0-9]{1,6}(_[a-z0-9]{1,6}){0,2}", fullmatch=True)
_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(_IDS, _NAMES, _IDS, _NAMES)
def test_no_two_tables_of_plugins_get_one_name(first: str, table: str, second: str, other: str) -> None:
    names = {f"{plugin_schema(first)}.{table}", f"{plugin_schema(second)}.{other}"}
    if not any(name.split(".")[1].startswith("_") for name in names):
        assert len({sqlite_text(name) for name in names}) == len(names)


@given(st.text())
def test_a_string_constant_is_never_changed(value: str) -> None:
    constant = "'" + value.replace("'", "''") + "'"
    assert sqlite_text(f"VALUES ({constant}, core.account.name)") == f"VALUES ({constant}, account.name)"
