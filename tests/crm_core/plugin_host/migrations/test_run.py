from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.db.migrate import MigrationFailed, current_revision, in_transaction
from crm_core.errors import CrmError
from crm_core.plugin_host import namespace
from tests.support.fingerprint import core_fingerprint, plugin_objects
from tests.support.revisions import TABLE, WAYS, run_revisions

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection

pytestmark = pytest.mark.parametrize("way", WAYS)

ROWS = """\
t = sa.table("t", *(sa.column(name, kind) for name, kind in {
    "tenant_id": sa.Uuid(), "id": sa.Uuid(), "n": sa.Integer(), "name": sa.Text()}.items()), schema=SCHEMA)
from uuid import UUID
op.bulk_insert(t, [{"tenant_id": UUID(int=1), "id": UUID(int=n), "n": n, "name": "x"} for n in range(1, 4)])
"""


def objects(url: str) -> list[str]:
    return [name for name in plugin_objects(url, "a") if "alembic" not in name and name != "schema"]


def refused(url: str, folder: Path, body: str, way: str) -> str:
    """Run a revision in vain after one that works: not even that one leaves anything."""
    before = core_fingerprint(url), plugin_objects(url, "a")
    with pytest.raises(CrmError) as caught:
        run_revisions(url, folder, TABLE, body, way=way)
    assert (core_fingerprint(url), plugin_objects(url, "a")) == before
    return str(caught.value)


def test_revisions_run_once_and_in_order(database_url: str, tmp_path: Path, way: str) -> None:
    run_revisions(database_url, tmp_path, TABLE, way=way)
    there = objects(database_url)
    assert any(name.endswith("ix_t_record") for name in there)
    run_revisions(
        database_url, tmp_path, TABLE, 'op.add_column("t", sa.Column("z", sa.Text()), schema=SCHEMA)', way=way
    )
    run_revisions(
        database_url, tmp_path, TABLE, 'op.add_column("t", sa.Column("z", sa.Text()), schema=SCHEMA)', way=way
    )

    def look(connection: Connection) -> tuple[list[str], str | None]:
        return list(namespace.columns(connection, "a", "t")), current_revision(connection, "plg_a")

    columns, revision = in_transaction(database_url, look, read_only=True)
    assert columns == ["tenant_id", "id", "record_id", "n", "name", "z"]
    assert revision == "0002"
    assert objects(database_url) == there


VALUES = """\
import datetime as dt
from decimal import Decimal
from uuid import UUID

columns = [
    sa.Column("tenant_id", sa.Uuid(), nullable=False), sa.Column("id", sa.Uuid(), nullable=False),
    sa.Column("price", sa.Numeric(19, 4)), sa.Column("day", sa.Date()), sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("clock", sa.Time()), sa.Column("yes", sa.Boolean()), sa.Column("data", sa.LargeBinary()),
    sa.Column("tree", sa.JSON()), sa.Column("big", sa.BigInteger()), sa.Column("real", sa.Float()),
    sa.Column("kind", sa.Enum("a", "b", native_enum=False, create_constraint=True, name="ck_kind")),
    sa.Column("name", sa.String(20), server_default="n"),
]
op.create_table("v", *columns, sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_v"), schema=SCHEMA)
v = sa.Table("v", sa.MetaData(), *[sa.Column(c.name, c.type) for c in columns], schema=SCHEMA)
values = {
    "tenant_id": UUID(int=1), "id": UUID(int=2**127), "price": Decimal("12.5000"), "day": dt.date(2024, 2, 29),
    "at": dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), "clock": dt.time(3, 4, 5), "yes": True, "data": b"\\x00\\xff",
    "tree": {"a": [1, None, "Ü"]}, "big": 2**40, "real": 0.5, "kind": "b", "name": "Ünï '",
}
bind = op.get_bind()
bind.execute(sa.insert(v).values(values))
row = dict(bind.execute(sa.select(v)).mappings().one())
if bind.dialect.name == "sqlite":
    row["at"] = row["at"].replace(tzinfo=dt.UTC)
assert row == values, row
bind.execute(sa.insert(v), [{**values, "id": UUID(int=n), "tree": None} for n in range(1, 30)])
assert bind.execute(sa.select(sa.func.count()).select_from(v).where(v.c.kind == "b")).scalar() == 30
assert bind.execute(sa.update(v).where(v.c.id.in_([UUID(int=1), UUID(int=2)])).values(name="changed")).rowcount == 2
found = bind.execute(sa.select(v.c.id).where(v.c.name == "changed").order_by(v.c.id).limit(1)).scalar()
assert found == UUID(int=1), found
assert bind.execute(sa.delete(v).where(v.c.day < dt.date(2020, 1, 1))).rowcount == 0
returned = bind.execute(sa.insert(v).values({**values, "id": UUID(int=99)}).returning(v.c.id, v.c.price)).one()
assert tuple(returned) == (UUID(int=99), Decimal("12.5000")), returned
"""


def test_values_of_every_kind_come_and_go(database_url: str, tmp_path: Path, way: str) -> None:
    run_revisions(database_url, tmp_path, TABLE, VALUES, way=way)


def test_rows_are_moved_between_own_tables(database_url: str, tmp_path: Path, way: str) -> None:
    move = ROWS + (  # noqa: S608 - of this test
        'op.create_table("u", sa.Column("tenant_id", sa.Uuid()), sa.Column("n", sa.Integer()), schema=SCHEMA)\n'
        'op.execute("INSERT INTO plg_a.u (tenant_id, n) SELECT tenant_id, n * 2 FROM plg_a.t WHERE n > 1")\n'
        "has = \"(SELECT 'has' FROM plg_a.u AS u WHERE u.n = plg_a.t.n + 1)\"\n"
        "op.execute(f\"UPDATE plg_a.t SET name = coalesce({has}, 'none')\")\n"
        "names = op.get_bind().execute(sa.select(t.c.name).order_by(t.c.n)).scalars().all()\n"
        'assert names == ["none", "none", "has"], names\n'
        "numbers = op.get_bind().execute(sa.text('SELECT n FROM plg_a.u ORDER BY n')).scalars().all()\n"
        "assert numbers == [4, 6], numbers\n"
        'op.execute(sa.text("DELETE FROM plg_a.u WHERE n = :n").bindparams(n=4))\n'
        "assert op.get_bind().exec_driver_sql('SELECT count(*) FROM plg_a.u').scalar() == 1\n"
    )
    run_revisions(database_url, tmp_path, TABLE, move, way=way)


CHANGES = """\
op.alter_column("t", "name", new_column_name="label", schema=SCHEMA)
op.rename_table("t", "renamed", schema=SCHEMA)
op.drop_index("ix_t_record", table_name="renamed", schema=SCHEMA)
op.create_index("ix_new", "renamed", ["tenant_id", "record_id", "n"], schema=SCHEMA)
op.drop_column("renamed", "label", schema=SCHEMA)
op.create_table("gone", sa.Column("n", sa.Integer(), autoincrement=False), schema=SCHEMA)
op.drop_table("gone", schema=SCHEMA)
inspector = sa.inspect(op.get_bind())
assert inspector.has_table("renamed", schema=SCHEMA) and not inspector.has_table("t", schema=SCHEMA)
assert [i["name"] for i in inspector.get_indexes("renamed", schema=SCHEMA)] == ["ix_new"]
assert [c["name"] for c in inspector.get_columns("renamed", schema=SCHEMA)] == ["tenant_id", "id", "record_id", "n"]
key = inspector.get_foreign_keys("renamed", schema=SCHEMA)[0]
assert (key["referred_schema"], key["referred_table"]) == ("core", "record"), key
assert "renamed" in inspector.get_table_names(schema=SCHEMA)
"""


def test_tables_are_changed_and_looked_at(database_url: str, tmp_path: Path, way: str) -> None:
    run_revisions(database_url, tmp_path, TABLE, CHANGES, way=way)
    assert any(name.endswith("ix_new") for name in objects(database_url))


BATCH = f"""\
{ROWS}
with op.batch_alter_table("t", schema=SCHEMA) as batch:
    batch.alter_column("n", type_=sa.BigInteger(), nullable=False)
    batch.add_column(sa.Column("more", sa.Text(), server_default="m"))
    batch.drop_column("name")
    batch.create_check_constraint("ck_t_n", "n > 0")
    batch.create_unique_constraint("uq_t_n", ["tenant_id", "n"])
rows = op.get_bind().execute(sa.text("SELECT n, more FROM plg_a.t ORDER BY n")).all()
assert [tuple(row) for row in rows] == [(1, "m"), (2, "m"), (3, "m")], rows
"""  # noqa: S608 - of this test


def test_batch_alter_table_works_on_both_databases(database_url: str, tmp_path: Path, way: str) -> None:
    core = core_fingerprint(database_url)
    run_revisions(database_url, tmp_path, TABLE, BATCH, way=way)
    assert core_fingerprint(database_url) == core
    assert any(name.endswith("ix_t_record") for name in objects(database_url))


CHILD = """\
op.create_table(
    "child", sa.Column("tenant_id", sa.Uuid()), sa.Column("t_id", sa.Uuid()),
    sa.ForeignKeyConstraint(["tenant_id", "t_id"], ["plg_a.t.tenant_id", "plg_a.t.id"], ondelete="CASCADE"),
    schema=SCHEMA,
)
op.create_index("ix_child", "child", ["tenant_id", "t_id"], schema=SCHEMA)
"""


def test_a_table_others_refer_to_is_not_dropped(database_url: str, tmp_path: Path, way: str) -> None:
    told = refused(database_url, tmp_path, CHILD + 'op.drop_table("t", schema=SCHEMA)', way)
    assert told.startswith("a@1.0.0: its migration may not drop t while child refers to it (DROP TABLE ")
    run_revisions(database_url, tmp_path, TABLE, CHILD + 'op.drop_table("child", schema=SCHEMA)\n', way=way)


def test_a_batch_does_not_delete_what_refers_to_the_table(sqlite_url: str, tmp_path: Path, way: str) -> None:
    batch = 'with op.batch_alter_table("t", schema=SCHEMA) as batch:\n    batch.alter_column("n", nullable=False)\n'
    told = refused(sqlite_url, tmp_path, CHILD + batch, way)
    assert "may not drop t while child refers to it (DROP TABLE plg_a__t); drop the reference first" in told


COMMIT = "all revisions run in one transaction, which the host begins and ends; leave this out"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("op.get_bind().commit()", f"may not commit: {COMMIT}"),
        ("op.get_bind().rollback()", f"may not roll back: {COMMIT}"),
        ("op.get_bind().get_transaction().commit()", f"may not commit: {COMMIT}"),
        ("try:\n    op.get_bind().commit()\nexcept Exception:\n    pass", f"may not commit: {COMMIT}"),
        (
            "with op.get_context().autocommit_block():\n    pass",
            "uses autocommit_block(), but all revisions run in one",
        ),
        ("op.get_bind().begin_nested()", "may not use SAVEPOINT (SAVEPOINT sa_savepoint_"),
        ("op.execute('COMMIT')", "may not use COMMIT (COMMIT); "),
        ("op.execute('ROLLBACK')", "may not use ROLLBACK (ROLLBACK); "),
        ("op.execute('SAVEPOINT x')", "may not use SAVEPOINT (SAVEPOINT x); "),
        ("op.get_bind().exec_driver_sql('BEGIN')", "may not use BEGIN (BEGIN); "),
    ],
)
def test_a_migration_keeps_to_its_one_transaction(
    database_url: str, tmp_path: Path, way: str, body: str, told: str
) -> None:
    assert told.split(":", maxsplit=1)[0] in refused(database_url, tmp_path, body, way)


def test_a_refusal_cannot_be_swallowed(database_url: str, tmp_path: Path, way: str) -> None:
    body = "try:\n    op.execute('DROP TABLE core.tagging')\nexcept BaseException:\n    pass"
    told = refused(database_url, tmp_path, body, way)
    assert told.startswith("a@1.0.0: its migration may not touch core.tagging (DROP TABLE ")


@pytest.mark.parametrize("end", ["SystemExit", "SystemExit(0)", "GeneratorExit"])
def test_a_migration_that_ends_the_program_has_failed(database_url: str, tmp_path: Path, way: str, end: str) -> None:
    assert refused(database_url, tmp_path, f"raise {end}", way).startswith("a@1.0.0: its migration failed")


def test_a_migration_opens_no_connection_of_its_own(database_url: str, tmp_path: Path, way: str) -> None:
    if way == "in_worker":
        # There is none to open: the driver of a worker has this one channel.
        run_revisions(database_url, tmp_path, TABLE, "assert op.get_bind().engine.pool.status() is not None", way=way)
        return
    told = refused(database_url, tmp_path, "op.get_bind().engine.connect()", way)
    assert told.startswith("a@1.0.0: its migration may not open a connection of its own; use op.get_bind(). ")


def test_the_worker_is_not_believed(database_url: str, tmp_path: Path, way: str) -> None:
    body = "op.execute(\"INSERT INTO plg_a.alembic_version (version_num) VALUES ('more')\")"
    with pytest.raises(MigrationFailed, match="several revisions at once"):
        run_revisions(database_url, tmp_path, TABLE, body, way=way)
