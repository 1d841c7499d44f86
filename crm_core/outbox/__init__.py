"""Events behind the writers: a relay delivers each to the plugins that listen, at least once."""

from __future__ import annotations

from crm_core.outbox.parked import Parked, parked, retry_parked
from crm_core.outbox.relay import RelayReport, RelayRuntime, deliver_due, drain, relay_forever

__all__ = [
    "Parked",
    "RelayReport",
    "RelayRuntime",
    "deliver_due",
    "drain",
    "parked",
    "relay_forever",
    "retry_parked",
]
