"""What accounts do beyond storing their fields: they form trees, also after a merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from crm_core.db.statements import SQLITE, Statement
from crm_core.records.merging import MergeRules
from crm_core.records.statements import in_tenant
from crm_core.schema import account
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from crm_core.records.scope import Scope

_A = account.c
# UNION, not UNION ALL: it ends even where a circle has come from outside.
_first = select(_A.id, _A.parent_id).where(in_tenant(_A.tenant_id), _A.id == bindparam("start", type_=_A.id.type))
_chain = _first.cte("chain", recursive=True)
_chain = _chain.union(
    select(_A.id, _A.parent_id).join(_chain, _A.id == _chain.c.parent_id).where(in_tenant(_A.tenant_id))
)
_CHAIN = Statement(select(_chain.c.id))
_LOCK = Statement(select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("lock"), 0))))


class AccountRules(MergeRules):
    """An account may be part of another one, but never, over any number of steps, of itself."""

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Refuse a parent that is part of the account itself."""
        issues = [*super().check(scope, old, new)]
        parent_id = new["parent_id"]
        # A new account is nobody's parent yet.
        if old is not None and parent_id is not None and parent_id != old["parent_id"]:
            _wait_for_other_trees(scope)
            if new["id"] in chain(scope, parent_id):
                message = f"account {parent_id} is {new['id']} or part of it and cannot be its parent; choose another"
                issues.append(Issue("parent_circle", message, field="parent_id"))
        return issues

    def merging(
        self, scope: Scope, winner: Mapping[str, Any], loser: Mapping[str, Any], values: dict[str, Any]
    ) -> None:
        """Keep the tree a tree: a winner that is part of the loser takes its place, and none becomes part of itself."""
        _wait_for_other_trees(scope)
        above = chain(scope, winner["parent_id"]) if winner["parent_id"] else ()
        if loser["id"] in above:
            values["parent_id"] = loser["parent_id"]
        elif "parent_id" in values and winner["id"] in chain(scope, values["parent_id"]):
            del values["parent_id"]


def chain(scope: Scope, account_id: UUID) -> tuple[UUID, ...]:
    """Return an account and all it is part of."""
    return tuple(row[0] for row in scope.uow.fetch(_CHAIN, {"start": account_id}))


def _wait_for_other_trees(scope: Scope) -> None:
    """Let one operation of a tenant change parents at a time: two could close a circle that neither sees."""
    if scope.uow.connection.dialect is not SQLITE:
        scope.uow.begin()
        scope.uow.fetch(_LOCK, {"lock": f"account tree {scope.tenant_id}"})
