"""The record types of identity."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import principal

PRINCIPAL = Entity("principal", "principals", principal)
