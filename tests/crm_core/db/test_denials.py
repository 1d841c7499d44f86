from __future__ import annotations

import pytest

from crm_core.db import denials
from crm_core.db.rights import PluginRights

LOYALTY = PluginRights("loyalty", "loyalty@1.0.0", statement_ms=50)
_CHANGED = "core records are changed through ctx.api or by what a hook returns"
_READ = "core records are read through ctx.api, or in ctx.sql with the capability core:read"


@pytest.mark.parametrize(
    ("doing", "schema", "table", "told"),
    [
        ("write", "core", "account", f"write core.account; {_CHANGED}"),
        ("read", "core", None, f"read core; {_READ}"),
        ("read", "plat", "job", "read plat.job; what the platform keeps for itself is not reachable"),
        ("write", "plg_other", "t", "write plg_other.t; other plugins' tables are not reachable"),
        (
            "write",
            "plg_loyalty",
            "account_fields",
            "write plg_loyalty.account_fields; set fields through ctx.fields, which audits them",
        ),
        (
            "read",
            "plg_loyalty",
            "alembic_version",
            "read plg_loyalty.alembic_version; the plugin host keeps it for itself",
        ),
        ("read", "", "sqlite_master", "read sqlite_master; what the database keeps for itself is not reachable"),
    ],
)
def test_a_refused_table_comes_with_the_supported_way(doing: str, schema: str, table: str | None, told: str) -> None:
    error = denials.no_table(LOYALTY, doing, schema, table)
    assert error.message == f"plugin loyalty@1.0.0 may not {told}"
    assert error.details == {
        "plugin": "loyalty@1.0.0",
        "table": told.split("; ", maxsplit=1)[0].removeprefix(f"{doing} "),
    }


def test_a_statement_is_shown_by_its_beginning() -> None:
    assert denials.only_rows(LOYALTY, "CREATE TABLE " + "x" * 100).message == (
        "plugin loyalty@1.0.0 may not run 'CREATE TABLE xxxxxxxxxxxxxxxxxxxxxxxxxxx';"
        " its statements read and write rows: SELECT, INSERT, UPDATE, DELETE, MERGE or WITH"
    )


def test_a_limit_says_what_to_do() -> None:
    error = denials.too_slow(LOYALTY)
    assert error.message == (
        "plugin loyalty@1.0.0: a statement ran longer than 50 ms and was stopped;"
        " read fewer rows at once, add an index in a migration, or do the work in a job"
    )
    assert error.details == {"plugin": "loyalty@1.0.0", "limit_ms": 50}
    assert "too large: blob; send less at a time" in denials.too_large(LOYALTY, "blob").message


def test_a_lost_transaction_says_who_ran_and_why() -> None:
    error = denials.lost("loyalty@1.0.0", "record_validate", "it was stopped")
    assert (error.code, error.status) == ("core_transaction_lost", 500)
    assert error.message == (
        "the transaction ended while loyalty@1.0.0 ran in record_validate: it was stopped;"
        " nothing of the operation was kept, send it again"
    )
