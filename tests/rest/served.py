"""The application as callers find it: every shipped plugin enabled, and one record of every type to name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_core.plugin_host.discovery import discover
from tests.crm_core.identity.routes_of import API
from tests.crm_core.identity.samples import make_samples
from tests.support.app import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.app import RunningApp

# Budgets of time are tested elsewhere; a busy machine must not open a breaker here.
_PATIENT: Mapping[str, Any] = {"hook_wall_ms": 60_000.0}
_LOYALTY = "loyalty"


@dataclass
class Served:
    """A running application with samples, and its OpenAPI document."""

    app: RunningApp
    ids: Mapping[str, str]
    document: Mapping[str, Any]

    def path_values(self, path: str) -> dict[str, str]:
        """Return what the parameters of a path must be to name the samples."""
        collection = path.removeprefix(f"{API}/").split("/")[0]
        known = {"plugin": _LOYALTY, "record_id": self.ids["leads"], "account_id": self.ids["accounts"]}
        return known | ({"id": self.ids[collection]} if collection in self.ids else {})


@asynccontextmanager
async def served(url: str, *more: Discovered, **options: Any) -> AsyncIterator[Served]:
    """Open the application over a migrated database, with the samples of one tenant, and ``more`` plugins."""
    async with running(url, plugins=[*discover(), *more], **_PATIENT, **options) as app:
        ids = await make_samples(app.client())
        yield Served(app, {name: value for name, value in ids.items() if value}, app.app.openapi())
