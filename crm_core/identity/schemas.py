"""The record type of identity, and the rows around it."""

from __future__ import annotations

from crm_core.identity.service import PrincipalRules
from crm_core.records.entity import Entity
from crm_core.records.rows import Rows
from crm_core.schema import api_key, permission, principal

PRINCIPAL = Entity(
    "principal",
    "principals",
    principal,
    rules=PrincipalRules(),
    note="The keys of one that is inactive or deleted do not work.",
)
API_KEYS = Rows("api_key", api_key, ("principal_id",), hidden=frozenset({"hash"}), owner="principal_id")
PERMISSIONS = Rows("permission", permission, ("principal_id", "resource", "action"), owner="principal_id")
