"""The two plugins of the random histories: one that does what an account's description says, one that needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.plugins import write_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered

MODES = ("crash", "change", "late", "api", "veto", "keep", "plain")
"""What may stand in a description: a crash before or after the write, a change, a call of the core's services, a
refusal, one to be deleted. Whatever it is, the plugin keeps a row of its own for each write. The first are chosen
most in short runs."""
DEFAULT_INDUSTRY = "changed"

_MANIFEST = """\
[capabilities]
api = ["activity:create"]
[tables]
note = "One row per write of an account."
[settings.industry]
kind = "text"
default = "changed"
label = { en = "Industry to write" }
[[fields]]
record_type = "account"
key = "seen"
kind = "integer"
writable = "plugin"
label = { en = "Version seen" }
[hooks.record_before_write]
record_types = ["account"]
[hooks.record_before_delete]
record_types = ["account"]
[hooks.record_after_write]
record_types = ["account"]
"""
_HOOKS = """\
import sqlalchemy as sa

from plugin_sdk import Issue, Operation, Patch, Rejected, hookimpl
from plugin_sdk.db import Namespace
from plugin_sdk.ids import new_id

MOOD = {mood}
NOTE = Namespace("actor").table(
    "note", sa.Column("account_id", sa.Uuid()), sa.Column("version", sa.Integer()), sa.Column("mood", sa.Text())
)


@hookimpl
def record_before_write(ctx, operation, new):
    if new["description"] == "veto":
        raise Rejected([Issue("vetoed", "not this one")])
    if new["description"] == "crash":
        raise RuntimeError("crashed before the write")
    seen = {{"seen": 1 if operation is Operation.CREATE else new.version + 1}}
    values = {{"industry": ctx.settings["industry"]}} if new["description"] == "change" else {{}}
    return Patch(values=values, fields=seen)


@hookimpl
def record_before_delete(record):
    return [Issue("kept", "not this one")] if record["description"] == "keep" else None


@hookimpl
def record_after_write(ctx, new):
    row = {{"id": new_id(), "account_id": new.id, "version": new.version}}
    ctx.sql.execute(sa.insert(NOTE).values(**row, **MOOD))
    if new["description"] == "late":
        raise RuntimeError("crashed after the write")
    if new["description"] == "api":
        ctx.api.create("activity", {{"kind": "note", "subject": new["name"]}})
"""
_FIRST = """\
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "note",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid()),
        sa.Column("version", sa.Integer()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_note"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"], ["core.record.tenant_id", "core.record.id"], name="fk_note_account",
            ondelete="CASCADE",
        ),
        schema="plg_actor",
    )
    op.create_index("ix_note_account", "note", ["tenant_id", "account_id"], schema="plg_actor")
"""
_SECOND = """\
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("note", sa.Column("mood", sa.Text()), schema="plg_actor")
"""


def write_actor(folder: Path, version: str) -> Discovered:
    """Write the plugin ``actor``; from 1.1.0 on its rows have a mood."""
    newer = version != "1.0.0"
    hooks = _HOOKS.format(mood={"mood": "newer"} if newer else {})
    made = write_plugin(folder, "actor", hooks, _MANIFEST, version=version)
    if made.package is None:
        raise RuntimeError("a plugin that was written has no package")
    versions = made.package / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001.py").write_text(_FIRST)
    if newer:
        (versions / "0002.py").write_text(_SECOND)
    return made


def write_needy(folder: Path) -> Discovered:
    """Write the plugin ``needy``, which does nothing and needs ``actor``."""
    return write_plugin(folder, "needy", "", '[requires]\nactor = ">=1.0"\n')
