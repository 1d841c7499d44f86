"""Everything a plugin might try, by family."""

from __future__ import annotations

from . import controls, ddl, orm, other_plugins, patching, protocol, raw_sql, resources, tenants, transactions
from .registry import ATTACKS, LOOT, Attack

__all__ = [
    "ATTACKS",
    "LOOT",
    "Attack",
    "controls",
    "ddl",
    "orm",
    "other_plugins",
    "patching",
    "protocol",
    "raw_sql",
    "resources",
    "tenants",
    "transactions",
]
