"""Who acts: a principal of one tenant, or a plugin, with what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crm_core.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

ANY = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one permission reaches: the records of these owners, or every record (``owners`` is None)."""

    owners: frozenset[UUID] | None = None

    def __or__(self, other: Grant) -> Grant:
        """Return the wider of two grants."""
        if self.owners is None or other.owners is None:
            return Grant()
        return Grant(self.owners | other.owners)


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal with its grants by (resource, action); ``*`` stands for every resource or action."""

    tenant_id: UUID
    principal_id: UUID | None
    name: str
    grants: Mapping[tuple[str, str], Grant]
    plugin: str | None = None

    def grant(self, resource: str, action: str) -> Grant | None:
        """Return how far the actor may do ``action`` on ``resource``; None: not at all."""
        found: Grant | None = None
        for key in ((resource, action), (resource, ANY), (ANY, action), (ANY, ANY)):
            grant = self.grants.get(key)
            if grant is not None:
                if grant.owners is None:
                    return grant
                found = grant if found is None else found | grant
        return found

    def require(self, resource: str, action: str) -> Grant:
        """Return the grant or raise, naming what is missing and whom to ask."""
        grant = self.grant(resource, action)
        if grant is None:
            message = (
                f"{self.name} may not {action} {resource}: ask an administrator for the permission {resource}:{action}"
            )
            raise PermissionDenied(message, resource=resource, action=action)
        return grant


def system_actor(tenant_id: UUID, name: str = "crm-core") -> Actor:
    """Return the core itself as an actor of one tenant: it may do everything there."""
    return Actor(tenant_id, None, name, {(ANY, ANY): Grant()})
