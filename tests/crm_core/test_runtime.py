"""Several processes on one database, each a runtime of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.actors import system_actor
from crm_core.errors import NotAuthenticated
from crm_core.identity.tenants import make_principal_key
from crm_core.records.create import create
from crm_core.runtime import opened
from tests.support.app import run, running

if TYPE_CHECKING:
    from crm_core.records.scope import Scope


def test_an_operation_that_raises_leaves_nothing(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:

            def fails(scope: Scope) -> None:
                create(scope, scope.entity("account"), {"name": "half"})
                scope.uow.flush()
                message = "stop"
                raise RuntimeError(message)

            with pytest.raises(RuntimeError, match="stop"):
                await app.as_system(fails)
            assert (await app.client().get("/accounts")).json()["data"] == []

    run(scenario())


def test_a_new_key_holds_at_once_here_and_after_the_refresh_elsewhere(database_url: str) -> None:
    async def scenario() -> None:
        async with (
            running(database_url, refresh_seconds=3600) as app,
            opened(app.runtime.settings, discovered=[]) as other,
        ):
            actor = system_actor(app.tenant_id)
            await other.refresh()
            text = await app.runtime.run(actor, lambda scope: make_principal_key(scope, "ann", "sales", "test"))
            header = f"Bearer {text}"
            assert (await app.runtime.authentication.actor(header)).name == "ann"
            assert (await other.authentication.actor(header)).name == "ann"
            client = app.client()
            keys = (await client.get("/api-keys")).json()["data"]
            mine = next(key for key in keys if text.startswith(f"crm_{key['prefix']}_"))
            assert (await client.delete(f"/api-keys/{mine['id']}")).status_code == 204
            with pytest.raises(NotAuthenticated):
                await app.runtime.authentication.actor(header)
            # The other process still remembers it until it looks at the epoch, which is what the setting bounds.
            assert (await other.authentication.actor(header)).name == "ann"
            await other.refresh(now=True)
            with pytest.raises(NotAuthenticated):
                await other.authentication.actor(header)

    run(scenario())
