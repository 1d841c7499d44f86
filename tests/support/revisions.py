"""A plugin's revisions, written by a test and run as installing the plugin would run them, in each of the two ways."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Any

from crm_core.db.migrate import in_transaction
from crm_core.isolation.values import decode, encode
from crm_core.isolation.worker import migrations
from crm_core.plugin_host import namespace
from crm_core.plugin_host.migrations.run import migrate
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

_REVISION = """\
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {after!r}
branch_labels = None
depends_on = None
SCHEMA = "plg_a"


def upgrade():
{body}
"""
TABLE = """\
op.create_table(
    "t",
    sa.Column("tenant_id", sa.Uuid(), nullable=False),
    sa.Column("id", sa.Uuid(), nullable=False),
    sa.Column("record_id", sa.Uuid()),
    sa.Column("n", sa.Integer()),
    sa.Column("name", sa.Text()),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_t"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "record_id"], ["core.record.tenant_id", "core.record.id"], name="fk_t_record", ondelete="CASCADE"
    ),
    schema=SCHEMA,
)
op.create_index("ix_t_record", "t", ["tenant_id", "record_id"], schema=SCHEMA)
"""
WAYS = ["in_process", "in_worker"]


def write_revisions(folder: Path, bodies: Sequence[str]) -> Path:
    """Write revisions one after the other; returns the folder they are in."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for place, body in enumerate(bodies, start=1):
        after = f"{place - 1:04}" if place > 1 else None
        text = _REVISION.format(name=f"{place:04}", after=after, body=indent(body, "    "))
        (versions / f"{place:04}.py").write_text(text)
    return folder


def run_revisions(url: str, folder: Path, *bodies: str, way: str = "in_process") -> None:
    """Run revisions of the plugin ``a`` in a transaction of their own."""
    location = str(write_revisions(folder, bodies))

    def change(connection: Connection) -> None:
        namespace.admit(connection, "a")
        migrate(connection, manifest("a"), location, worker if way == "in_worker" else None)
        namespace.protect(connection, "a")

    in_transaction(url, change)


def worker(location: str, schema: str, dialect: str, execute: Callable[..., Any]) -> str | None:
    """Do what a worker does, with everything that would travel to it and back encoded and decoded."""

    def travel(text: str, values: Any) -> Any:
        return decode(encode(execute(*decode(encode([text, values])))))

    return migrations.run(location, schema, dialect, travel)
