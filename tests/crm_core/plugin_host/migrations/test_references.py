from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.errors import PluginError
from tests.support.fingerprint import plugin_objects
from tests.support.revisions import run_revisions

if TYPE_CHECKING:
    from pathlib import Path

MADE = """\
op.create_table(
    "t", sa.Column("tenant_id", sa.Uuid(), nullable={nullable}), sa.Column("id", sa.Uuid()),
    sa.Column("record_id", sa.Uuid()), sa.Column("n", sa.Integer()),
    sa.ForeignKeyConstraint(
        ["tenant_id", "record_id"], ["core.record.tenant_id", "core.record.id"], name="fk", ondelete="{action}"
    ),
    {more}
    schema=SCHEMA,
)
"""


def made(more: str = "", *, action: str = "CASCADE", nullable: bool = True) -> str:
    return MADE.format(more=more, action=action, nullable=nullable)


INDEX = 'op.create_index("ix", "t", {}, schema=SCHEMA{})\n'


@pytest.mark.parametrize(
    "body",
    [
        made() + INDEX.format(["tenant_id", "record_id"], ""),
        made() + INDEX.format(["record_id", "tenant_id", "n"], ""),
        made() + INDEX.format(["tenant_id", "record_id", "n"], ", unique=True"),
        made('sa.UniqueConstraint("tenant_id", "record_id", name="uq"),'),
        made('sa.PrimaryKeyConstraint("tenant_id", "record_id", name="pk"),', nullable=False),
        made(action="SET NULL") + INDEX.format(["tenant_id", "record_id"], ""),
    ],
)
def test_an_index_a_unique_or_a_primary_key_serves_a_reference(database_url: str, tmp_path: Path, body: str) -> None:
    run_revisions(database_url, tmp_path, body)


def refused(url: str, folder: Path, body: str) -> str:
    before = plugin_objects(url, "a")
    with pytest.raises(PluginError) as caught:
        run_revisions(url, folder, body)
    assert plugin_objects(url, "a") == before
    return str(caught.value)


@pytest.mark.parametrize(
    "index",
    [
        "",
        INDEX.format(["tenant_id", "n", "record_id"], ""),
        INDEX.format(["record_id"], ""),
        INDEX.format(["tenant_id", "record_id"], ', postgresql_where=sa.text("n > 1"), sqlite_where=sa.text("n > 1")'),
        INDEX.format(["tenant_id", "record_id"], "") + 'op.drop_index("ix", table_name="t", schema=SCHEMA)\n',
    ],
)
def test_a_reference_without_an_index_is_refused_with_the_call_to_write(
    database_url: str, tmp_path: Path, index: str
) -> None:
    told = refused(database_url, tmp_path, made() + index)
    assert told == (
        "a@1.0.0: plg_a.t refers to core.record by (tenant_id, record_id) without an index that begins with these"
        " columns, so that deleting a record would search the whole table; add to the revision: "
        'op.create_index("ix_t_record_id", "t", ["tenant_id", "record_id"], schema="plg_a")'
    )


@pytest.mark.parametrize(
    ("more", "nullable"),
    [
        ("", False),
        ('sa.CheckConstraint("record_id IS NOT NULL", name="ck"),', True),
        ('sa.Column("c", sa.Text(), sa.Computed("lower(CAST(n AS TEXT))", persisted=True)),', True),
    ],
)
def test_emptying_a_column_that_may_not_be_empty_is_refused(
    database_url: str,
    tmp_path: Path,
    more: str,
    nullable: bool,  # noqa: FBT001 - a parameter
) -> None:
    body = made(more, action="SET NULL", nullable=nullable) + INDEX.format(["tenant_id", "record_id"], "")
    told = refused(database_url, tmp_path, body)
    assert told.startswith(
        'a@1.0.0: plg_a.t refers to core.record by (tenant_id, record_id) with ondelete="SET NULL", but'
    )
    assert told.endswith('use ondelete="CASCADE", or keep the id in a column without a reference')
