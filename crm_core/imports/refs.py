"""What is known of the ids of other systems: read once per batch, written with the records they name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select, update

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite, Write
from crm_core.records.statements import INSERT_EXTERNAL_REF, in_tenant
from crm_core.schema import external_ref

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from crm_core.records.scope import Scope

Key = tuple[str, str]

_T = external_ref.c
_FIND = Statement(
    select(_T.ext_id, _T.record_type, _T.record_id, _T.row_hash).where(
        in_tenant(_T.tenant_id), _T.system == bindparam("key_system"), is_in(_T.ext_id, "ids")
    )
)
_CHANGE = Statement(
    update(external_ref).where(
        _T.tenant_id == bindparam("key_tenant", type_=_T.tenant_id.type),
        _T.system == bindparam("key_system"),
        _T.ext_id == bindparam("key_ext_id"),
    ),
    ("row_hash", "seen_at"),
)


class Ref(NamedTuple):
    """The record behind an id of another system, and the hash of the row it was last imported from."""

    record_type: str
    record_id: UUID
    row_hash: str | None


@dataclass(slots=True)
class Refs:
    """The ids that one batch speaks of; what a failed attempt added is forgotten by ``load``."""

    known: dict[Key, Ref] = field(default_factory=dict)

    def load(self, scope: Scope, wanted: Iterable[Key]) -> None:
        """Read what is stored, one statement for each system."""
        self.known.clear()
        systems: dict[str, dict[str, None]] = {}
        for system, ext_id in wanted:
            systems.setdefault(system, {})[ext_id] = None
        for system, ids in systems.items():
            for ext_id, *rest in scope.uow.fetch(_FIND, {"key_system": system, "ids": list(ids)}):
                self.known[system, ext_id] = Ref(*rest)

    def add(self, scope: Scope, key: Key, ref: Ref) -> None:
        """Keep the id of a record that has just been created."""
        values = {
            "tenant_id": scope.tenant_id,
            "system": key[0],
            "ext_id": key[1],
            "record_type": ref.record_type,
            "record_id": ref.record_id,
            "row_hash": ref.row_hash,
            "seen_at": scope.uow.now,
        }
        scope.uow.stage(RecordWrite([Write(INSERT_EXTERNAL_REF, values)]))
        self.known[key] = ref

    def change(self, scope: Scope, key: Key, ref: Ref) -> None:
        """Keep the hash of the row that a known record has now."""
        values = {
            "key_tenant": scope.tenant_id,
            "key_system": key[0],
            "key_ext_id": key[1],
            "row_hash": ref.row_hash,
            "seen_at": scope.uow.now,
        }
        scope.uow.stage(RecordWrite([Write(_CHANGE, values)]))
        self.known[key] = ref
