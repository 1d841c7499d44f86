"""The record types of accounts."""

from __future__ import annotations

from crm_core.accounts.service import AccountRules
from crm_core.records.entity import Entity
from crm_core.schema import account

ACCOUNT = Entity(
    "account", "accounts", account, read_only=frozenset({"merged_into_id", "erased_at"}), rules=AccountRules()
)
