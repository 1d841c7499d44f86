"""Principals as other requests of identity name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.actors import Grant
from crm_core.errors import RecordNotFound, ReferenceNotFound
from crm_core.records.read import load_row

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.records.scope import Scope


def principal_of(scope: Scope, principal_id: UUID, grant: Grant) -> dict[str, Any]:
    """Return the principal a request names in ``principal_id``.

    A grant narrower than ``all`` reaches the principals among its owners: one's own keys, one's team's.
    """
    if grant.owners is not None and principal_id not in grant.owners:
        message = f"principal_id: there is no principal {principal_id} for you in this tenant"
        raise ReferenceNotFound(message, field="principal_id")
    try:
        return load_row(scope, scope.entity("principal"), principal_id, Grant())
    except RecordNotFound as error:
        raise ReferenceNotFound(f"principal_id: {error.message}", field="principal_id") from error
