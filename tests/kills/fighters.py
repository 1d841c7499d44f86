"""The two plugins of the kill test, as installed packages: a real ``crm serve`` finds them by their entry points.

``tally`` runs in the server's process and writes tables of its own; ``echo`` runs in a worker and works through
``ctx.api``, its own fields and a veto. Both follow every write of an account, so that they meet in every operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_core.plugin_host.discovery import MANIFEST
from tests.support.wheels import as_discovered

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered

TIERS = "tally=in_process,echo=isolated"
LEDGER = "ledger"
"""The name of the account that ``echo`` changes for operations of both tenants that are ``SHARED``."""
SHARED = "shared "
VETO = "veto "
"""How a description begins that ``echo`` refuses."""

_HEAD = """\
[plugin]
id = "{id}"
name = "{id}"
version = "1.0.0"
summary = "A plugin of the kill test."
sdk = "*"
core = "*"
"""
_TALLY = """\
[tables]
entry = "One row per write of an account."
total = "How often the accounts of one name were written."
heard = "One row per event that was delivered."
[[fields]]
record_type = "account"
key = "seen"
kind = "integer"
label = { en = "Version seen" }
[hooks.record_before_write]
record_types = ["account"]
[hooks.record_after_write]
record_types = ["account"]
[hooks.record_committed]
record_types = ["account"]
"""
_ECHO = """\
[capabilities]
api = ["account:read", "account:update", "activity:create"]
[[fields]]
record_type = "account"
key = "echoes"
kind = "integer"
label = { en = "Version echoed" }
[hooks.record_before_write]
record_types = ["account"]
[hooks.record_validate]
record_types = ["account"]
[hooks.record_after_write]
record_types = ["account"]
"""
_TALLY_TABLES = """\
import sqlalchemy as sa

from plugin_sdk.db import Namespace

_NAMESPACE = Namespace("tally")
ENTRY = _NAMESPACE.table(
    "entry",
    sa.Column("request_id", sa.Text(), nullable=False),
    sa.Column("account_id", sa.Uuid(), nullable=False),
    sa.Column("version", sa.Integer(), nullable=False),
)
TOTAL = _NAMESPACE.table("total", sa.Column("writes", sa.Integer(), nullable=False))
HEARD = _NAMESPACE.table("heard", sa.Column("version", sa.Integer(), nullable=False))
"""
_TALLY_HOOKS = """\
import uuid

import sqlalchemy as sa

from crm_tally.tables import ENTRY, HEARD, TOTAL
from plugin_sdk import Operation, Patch, hookimpl
from plugin_sdk.ids import new_id


@hookimpl
def record_before_write(operation, new):
    return Patch(fields={"seen": 1 if operation is Operation.CREATE else new.version + 1})


@hookimpl
def record_after_write(ctx, new):
    entry = {"id": new_id(), "request_id": ctx.request_id, "account_id": new.id, "version": new.version}
    ctx.sql.execute(sa.insert(ENTRY).values(**entry))
    # The key is the same in every tenant: without the tenant in each statement they would count each other's writes.
    key = uuid.uuid5(uuid.NAMESPACE_OID, new["name"])
    more = sa.update(TOTAL).where(TOTAL.c.id == key).values(writes=TOTAL.c.writes + 1)
    if not ctx.sql.execute(more):
        ctx.sql.execute(sa.insert(TOTAL).values(id=key, writes=1))


@hookimpl
def record_committed(ctx, event):
    ctx.sql.execute(sa.insert(HEARD).values(id=event.id, version=event.record.version))
"""
_ECHO_HOOKS = f"""\
from plugin_sdk import Issue, Operation, Patch, hookimpl


@hookimpl
def record_before_write(operation, new):
    version = 1 if operation is Operation.CREATE else new.version + 1
    return Patch(values={{"industry": f"echo {{version}}"}}, fields={{"echoes": version}})


@hookimpl
def record_validate(new):
    if (new["description"] or "").startswith({VETO!r}):
        return [Issue("vetoed", "echo does not want this", field="description")]
    return None


@hookimpl
def record_after_write(ctx, new):
    told = new["description"] or ""
    ctx.api.create("activity", {{"kind": "note", "subject": told, "regarding_id": new.id}})
    if told.startswith({SHARED!r}):
        ledger = ctx.api.list("account", {{"name": {LEDGER!r}}}).records[0]
        ctx.api.update("account", ledger.id, {{"description": told}})
"""
_REVISION = """\
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("entry", *_key("entry"), sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False), sa.Column("version", sa.Integer(), nullable=False),
        schema="plg_tally")
    op.create_table("total", *_key("total"), sa.Column("writes", sa.Integer(), nullable=False), schema="plg_tally")
    op.create_table("heard", *_key("heard"), sa.Column("version", sa.Integer(), nullable=False), schema="plg_tally")


def _key(name):
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=f"pk_{name}"),
    )
"""


def write_fighters(folder: Path) -> list[Discovered]:
    """Write both packages into a folder; with it on ``PYTHONPATH`` they are installed."""
    tally = {"tables.py": _TALLY_TABLES, "migrations/versions/0001.py": _REVISION}
    return [_write(folder, "tally", _TALLY, _TALLY_HOOKS, tally), _write(folder, "echo", _ECHO, _ECHO_HOOKS, {})]


def _write(folder: Path, name: str, manifest: str, hooks: str, more: dict[str, str]) -> Discovered:
    package, notes = folder / f"crm_{name}", folder / f"crm_{name}-1.0.0.dist-info"
    files = {
        package / "__init__.py": "",
        package / MANIFEST: _HEAD.format(id=name) + manifest,
        package / "hooks.py": hooks,
        notes / "METADATA": f"Metadata-Version: 2.1\nName: crm-{name}\nVersion: 1.0.0\n",
        notes / "entry_points.txt": f"[crm.plugins]\n{name} = crm_{name}.hooks\n",
        **{package / path: text for path, text in more.items()},
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return as_discovered(package)
