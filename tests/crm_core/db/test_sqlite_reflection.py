from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from crm_core.db.migrate import in_transaction

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

TABLES = """
CREATE TABLE plg_a__u (id CHAR(32) NOT NULL, CONSTRAINT pk_u PRIMARY KEY (id));
CREATE TABLE plg_a__t (
    tenant_id CHAR(32) NOT NULL, id CHAR(32) NOT NULL, n INTEGER DEFAULT 3, u_id CHAR(32),
    CONSTRAINT pk_t PRIMARY KEY (tenant_id, id), CONSTRAINT uq_t UNIQUE (n), CONSTRAINT ck_t CHECK (n > 0),
    CONSTRAINT fk_r FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_u FOREIGN KEY(u_id) REFERENCES plg_a__u (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX plg_a__ix_part ON plg_a__t (u_id, n) WHERE n > 1;
CREATE INDEX plg_a__ix_n ON plg_a__t (n)
"""


def prepare(connection: Connection) -> sa.Inspector:
    for statement in TABLES.split(";"):
        connection.exec_driver_sql(statement)
    return sa.inspect(connection)


def test_an_inspector_tells_names_as_they_are_declared(sqlite_url: str) -> None:
    def look(connection: Connection) -> None:
        inspector = prepare(connection)
        assert inspector.get_table_names(schema="plg_a") == ["t", "u"]
        assert "account" in inspector.get_table_names(schema="core")
        assert inspector.has_table("t", schema="plg_a")
        assert not inspector.has_table("t", schema="plg_b")
        assert [column["name"] for column in inspector.get_columns("t", schema="plg_a")] == [
            "tenant_id",
            "id",
            "n",
            "u_id",
        ]
        assert inspector.get_pk_constraint("t", schema="plg_a") == {
            "constrained_columns": ["tenant_id", "id"],
            "name": "pk_t",
        }
        keys = {key["name"]: key for key in inspector.get_foreign_keys("t", schema="plg_a")}
        targets = {name: (key["referred_schema"], key["referred_table"]) for name, key in keys.items()}
        assert targets == {"fk_r": ("core", "record"), "fk_u": ("plg_a", "u")}
        indexes = {index["name"]: index for index in inspector.get_indexes("t", schema="plg_a")}
        assert {name: index["column_names"] for name, index in indexes.items()} == {
            "ix_n": ["n"],
            "ix_part": ["u_id", "n"],
        }
        assert str(indexes["ix_part"]["dialect_options"]["sqlite_where"]) == "n > 1"
        unique = inspector.get_unique_constraints("t", schema="plg_a")
        assert [(each["name"], each["column_names"]) for each in unique] == [("uq_t", ["n"])]
        assert [each["sqltext"] for each in inspector.get_check_constraints("t", schema="plg_a")] == ["n > 0"]

    in_transaction(sqlite_url, look)


def test_a_whole_table_is_read_with_what_it_refers_to(sqlite_url: str) -> None:
    def look(connection: Connection) -> None:
        prepare(connection)
        table = sa.Table("t", sa.MetaData(), schema="plg_a", autoload_with=connection)
        assert table.fullname == "plg_a.t"
        assert {"core.record", "plg_a.u"} <= set(table.metadata.tables)
        assert str(table.c.n.server_default.arg) == "3"  # type: ignore[union-attr]

    in_transaction(sqlite_url, look)


def test_a_missing_table_is_named_with_its_schema(sqlite_url: str) -> None:
    def look(connection: Connection) -> None:
        inspector = sa.inspect(connection)
        for read in (inspector.get_indexes, inspector.get_pk_constraint, inspector.get_foreign_keys):
            with pytest.raises(sa.exc.NoSuchTableError, match=r"plg_a\.gone"):
                read("gone", schema="plg_a")

    in_transaction(sqlite_url, look, read_only=True)


def test_an_index_over_an_expression_is_pointed_out(sqlite_url: str) -> None:
    def look(connection: Connection) -> None:
        inspector = prepare(connection)
        connection.exec_driver_sql("CREATE INDEX plg_a__ix_lower ON plg_a__t (lower(n))")
        with pytest.warns(sa.exc.SAWarning, match="index plg_a__ix_lower has an expression"):
            assert len(inspector.get_indexes("t", schema="plg_a")) == 2

    in_transaction(sqlite_url, look)
