"""What ``ctx.sql`` of a worker sends: statements as what they are made of, or a refusal in the host's words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update

from crm_core.isolation.statements import outgoing
from plugin_sdk import NotAllowed

__all__ = ["encoded"]

_READS = (Select, CompoundSelect), "build a select from the plugin's own tables"
_WRITES = (Insert, Update, Delete), "build an insert, update or delete from own tables"


def encoded(statement: Any, label: str, *, write: bool) -> Any:
    """Return a statement as it travels; raises NotAllowed for what the host would not even look at."""
    kinds, instead = _WRITES if write else _READS
    if not isinstance(statement, kinds):
        raise NotAllowed(f"plugin {label} may not use {type(statement).__name__} in ctx.sql; {instead}")
    try:
        return outgoing.encode(statement)
    except NotAllowed as refused:
        # The one that writes statements down does not know whose they are.
        raise NotAllowed(str(refused).replace("the plugin ", f"plugin {label} ", 1)) from None
