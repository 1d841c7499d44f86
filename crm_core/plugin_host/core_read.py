"""What a plugin with the capability ``core:read`` may read of the core's tables through ``ctx.sql``.

A table is readable if it holds what people keep in a CRM: every record type, and what joins records to each other and
to the past. Left out are

- secrets and who may do what: ``api_key``, ``membership``, ``permission``;
- the trail and its delivery, which repeat values of records with nothing that says who may see them:
  ``audit_event``, ``audit_pending``, ``audit_seal``, ``outbox``;
- what belongs to the installation or to no single tenant: ``tenant``, ``field_def``, ``number_series``, and the whole
  of the schema ``plat``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from crm_core import schema
from crm_core.db.rights import PluginRights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin_sdk import Manifest

__all__ = ["CAPABILITY", "COLUMNS", "READABLE", "rights_of"]

CAPABILITY: Final = "core:read"
"""What the manifest says in ``[capabilities]``, key ``data``."""

# Half of what signs a person in, and where the store keeps contents: of no use to a report, of some to an attacker.
_HIDDEN = {"attachment": frozenset({"storage_key"}), "principal": frozenset({"login"})}
_HIDDEN_NAMES = frozenset(f"{table}.{column}" for table, columns in _HIDDEN.items() for column in columns)
_JOINING = (
    schema.campaign_member,
    schema.external_ref,
    schema.fx_rate,
    schema.link,
    schema.record,
    schema.stage_event,
    schema.tagging,
)

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        table.name: tuple(name for name in table.c.keys() if name not in _HIDDEN.get(table.name, ()))  # noqa: SIM118 - columns, not their names, are what iterating gives
        for table in (*schema.RECORD_TABLES.values(), *_JOINING)
    }
)
"""The readable columns of each readable table, which is in the schema ``core``."""

READABLE: Final = frozenset(COLUMNS)
"""The names of the readable tables."""

_HIDDEN_COLUMNS = frozenset(f"{table}.{column}" for table, columns in _HIDDEN.items() for column in columns)


def rights_of(manifest: Manifest) -> PluginRights:
    """Return the rights that the statements of a plugin run with."""
    granted = CAPABILITY in manifest.capabilities.data
    tables = READABLE if granted else frozenset()
    return PluginRights(manifest.id, manifest.label, tables, _HIDDEN_NAMES)
