"""What pipelines and stages do beyond storing their fields: records that are in them keep their place."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.records.entity import Rules
from crm_core.records.stages import forget_places
from crm_core.records.statements import in_tenant
from crm_core.schema import RECORD_TABLES
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

    from crm_core.records.scope import Scope

STAGED = tuple(sorted(name for name, table in RECORD_TABLES.items() if "stage_id" in table.c))


class _PlaceRules(Rules):
    """What holds for a pipeline and for a stage: ``fixed`` says whose it is and never changes."""

    fixed: str
    column: str

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Refuse to give it to another pipeline or record type."""
        del scope
        if old is None or old[self.fixed] == new[self.fixed]:
            return ()
        message = f"{self.fixed} never changes, because records are in it; make a new one and set active = false here"
        return (Issue("fixed_field", message, field=self.fixed),)

    def written(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """Forget what this operation has read of the stages."""
        del old, new
        forget_places(scope)

    def before_delete(self, scope: Scope, record: Mapping[str, Any]) -> Sequence[Issue]:
        """Refuse while records are in it."""
        for name in STAGED:
            found = scope.uow.fetch_one(_records_in(RECORD_TABLES[name], self.column), {"place": record["id"]})
            if found is not None:
                message = f"{name} {found[0]} is in {record['name']!r}; move what is in it first, or set active = false"
                return (Issue("in_use", message),)
        return ()


class PipelineRules(_PlaceRules):
    """A pipeline is for one record type for ever."""

    fixed = "record_type"
    column = "pipeline_id"

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Refuse a record type that moves through no pipeline."""
        if new["record_type"] in STAGED:
            return super().check(scope, old, new)
        message = f"record_type {new['record_type']!r} moves through no pipeline; choose {' or '.join(STAGED)}"
        return (Issue("unstaged_record_type", message, field="record_type"),)


class StageRules(_PlaceRules):
    """A stage belongs to one pipeline for ever."""

    fixed = "pipeline_id"
    column = "stage_id"


@lru_cache(maxsize=16)
def _records_in(table: Table, column: str) -> Statement:
    return Statement(
        select(table.c.id)
        .where(
            in_tenant(table.c.tenant_id),
            table.c[column] == bindparam("place", type_=table.c[column].type),
            table.c.deleted_at.is_(None),
        )
        .limit(1)
    )
