"""Nobody gives away more than they have: what a change would let a principal do, held against who makes it.

Rights are compared by what they reach, not by their names: the scope ``team`` of one principal reaches other records
than the scope ``team`` of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.actors import Actor
from crm_core.errors import Refused
from crm_core.identity.grants import load_actor
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crm_core.actors import Grant
    from crm_core.records.scope import Scope

_GROUPS = ("team", "role")


def rights_of(scope: Scope, principal: Mapping[str, Any]) -> Actor:
    """Return what a principal may do as things stand in this operation."""
    scope.uow.flush()
    return load_actor(scope.uow.for_core, scope.tenant_id, principal["id"], principal["name"])


def require_covered(scope: Scope, principal: Mapping[str, Any]) -> None:
    """Refuse unless the actor may do everything the principal may."""
    nobody = Actor(scope.tenant_id, None, "nobody", {})
    _refuse_excess(scope, principal, nobody, rights_of(scope, principal))


def guarded(scope: Scope, principal: Mapping[str, Any], change: Callable[[], None]) -> None:
    """Run a change of a principal's rights, and refuse it if it gives what the actor does not have.

    The actor's own rights must not grow either: to put somebody into one's own team is to reach their records.
    """
    before = rights_of(scope, principal)
    change()
    _refuse_excess(scope, principal, before, rights_of(scope, principal))
    actor = scope.actor
    if actor.principal_id is not None and actor.principal_id != principal["id"]:
        mine = {"id": actor.principal_id, "name": actor.name, "kind": "user"}
        _refuse_excess(scope, mine, actor, rights_of(scope, mine))


def _refuse_excess(scope: Scope, principal: Mapping[str, Any], before: Actor, after: Actor) -> None:
    # What a group reaches depends on its members to come, so only rights over every record can be given to one.
    whole = principal["kind"] in _GROUPS
    for (resource, action), grant in sorted(after.grants.items()):
        if _covers(before.grant(resource, action), grant):
            continue
        if not _covers(scope.actor.grant(resource, action), grant, whole=whole):
            message = (
                f"{scope.actor.name} cannot give {principal['name']} {resource}:{action} "
                "with this reach without having it; ask somebody who has it"
            )
            raise Refused([("core", Issue("escalation", message))])


def _covers(held: Grant | None, wanted: Grant, *, whole: bool = False) -> bool:
    if held is None:
        return False
    if held.owners is None:
        return True
    return not whole and wanted.owners is not None and wanted.owners <= held.owners
