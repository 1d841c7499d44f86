"""How far an import has come, kept in the same transactions as its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from crm_core.db.statements import Statement
from crm_core.errors import Conflict
from crm_core.records.statements import in_tenant, insert_into
from crm_core.schema import import_run
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.imports.batch import Result
    from crm_core.records.scope import Scope

RUNNING, DONE, ABANDONED = "running", "done", "abandoned"
_T = import_run.c
_SAME = (_T.mapping_hash == bindparam("key_mapping"), _T.file_hash == bindparam("key_file"), _T.state == RUNNING)
_FIND = Statement(
    select(_T.id, _T.position, _T.rows_ok, _T.rows_failed)
    .where(in_tenant(_T.tenant_id), *_SAME)
    .order_by(_T.started_at.desc())
    .limit(1)
)
_ABANDON = Statement(
    update(import_run).where(_T.tenant_id == bindparam("key_tenant", type_=_T.tenant_id.type), *_SAME),
    ("state", "updated_at"),
)
_ADVANCE = Statement(
    update(import_run).where(
        _T.tenant_id == bindparam("key_tenant", type_=_T.tenant_id.type),
        _T.id == bindparam("key_id", type_=_T.id.type),
        _T.position == bindparam("key_position", type_=_T.position.type),
        _T.state == RUNNING,
    ),
    ("position", "rows_ok", "rows_failed", "state", "updated_at"),
)
_ADD = insert_into(import_run)


@dataclass(frozen=True, slots=True)
class Run:
    """One import of one file with one mapping: how many rows are done, and how many of them failed."""

    id: UUID
    position: int
    rows_ok: int
    rows_failed: int


def begin(scope: Scope, source: str, mapping_hash: str, file_hash: str, *, restart: bool) -> Run:
    """Return the run of this file and mapping that was interrupted, or a new one."""
    same = {"key_tenant": scope.tenant_id, "key_mapping": mapping_hash, "key_file": file_hash}
    found = scope.uow.fetch_one(_FIND, same)
    if found is not None and not restart:
        return Run(*found)
    if found is not None:
        scope.uow.execute(_ABANDON, {**same, "state": ABANDONED, "updated_at": scope.uow.now})
    run = Run(new_id(), 0, 0, 0)
    values = {
        "id": run.id,
        "source": source,
        "mapping_hash": mapping_hash,
        "file_hash": file_hash,
        "position": 0,
        "rows_ok": 0,
        "rows_failed": 0,
        "state": RUNNING,
        "started_at": scope.uow.now,
        "updated_at": scope.uow.now,
    }
    scope.uow.execute(_ADD, values)
    return run


def advance(scope: Scope, run: Run, result: Result) -> Run:
    """Keep that a batch is done; raise Conflict if another process has gone on with the same run."""
    moved = replace(
        run,
        position=run.position + result.rows,
        rows_ok=run.rows_ok + result.rows - result.failed,
        rows_failed=run.rows_failed + result.failed,
    )
    _write(scope, run, moved, RUNNING)
    return moved


def finish(scope: Scope, run: Run) -> None:
    """Keep that the whole file is done."""
    _write(scope, run, run, DONE)


def _write(scope: Scope, run: Run, moved: Run, state: str) -> None:
    values = {
        "key_tenant": scope.tenant_id,
        "key_id": run.id,
        "key_position": run.position,
        "position": moved.position,
        "rows_ok": moved.rows_ok,
        "rows_failed": moved.rows_failed,
        "state": state,
        "updated_at": scope.uow.now,
    }
    if not scope.uow.execute(_ADVANCE, values):
        message = "another process has gone on with this import or restarted it; nothing of this batch was kept"
        raise Conflict(message, run=str(run.id), position=run.position)
