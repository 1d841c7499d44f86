from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crm_core import __version__
from crm_core.db.migrate import in_transaction
from crm_core.plugin_host.discovery import discover
from crm_core.plugin_host.install import install
from crm_core.plugins.removal import remove
from crm_core.plugins.service import disable
from crm_core.settings import Settings
from tests.invariants.twins import PLUGINS
from tests.support.app import RunningApp, run, running
from tests.support.fingerprint import core_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection


def test_no_step_of_a_plugins_life_changes_core_or_platform(database_url: str) -> None:
    before = core_fingerprint(database_url)
    steps: list[str] = []

    def check(step: str) -> None:
        now = core_fingerprint(database_url)
        assert now == before, f"{step}: {sorted(set(now) ^ set(before))}"
        steps.append(step)

    run(_lives(database_url, check))
    for plugin in PLUGINS:
        remove(Settings(database_url=database_url), plugin, export=None, purge=False, actor="test")
        check(f"uninstall and keep {plugin}")
    for plugin in PLUGINS:
        install(database_url, discover(), plugin, core_version=__version__, actor="test")
        check(f"install {plugin} again")
        remove(Settings(database_url=database_url), plugin, export=None, purge=True, actor="test")
        check(f"uninstall and purge {plugin}")
    assert len(steps) == 3 + 3 * 3 + 2


async def _lives(url: str, check: Callable[[str], None]) -> None:
    async with running(url, plugins=discover()) as app:
        await asyncio.to_thread(check, "install and enable")
        await _use(app)
        await asyncio.to_thread(check, "use")
        for plugin in PLUGINS:
            await app.as_system(lambda scope, name=plugin: disable(scope, name))  # type: ignore[misc]
            await asyncio.to_thread(check, f"disable {plugin}")


async def _use(app: RunningApp) -> None:
    """Make every plugin write to its tables."""
    client = app.client()
    account = (await client.post("/accounts", json={"name": "Acme"})).json()
    lead = (await client.post("/leads", json={"name": "L", "email": "a@b.example"})).json()
    order = {"account_id": account["id"], "status": "paid", "lines": [{"quantity": "1", "unit_price": "2000"}]}
    answers = [
        await client.post("/sales-orders", json=order),
        await client.post(f"/leads/{lead['id']}/score", json={}),
        await client.get(f"/accounts/{account['id']}"),
    ]
    assert [answer.is_success for answer in answers] == [True] * 3
    assert answers[-1].json()["plugins"]["loyalty"] == {"tier": "silver", "balance": 2000, "lifetime_points": 2000}


def test_a_change_of_core_shows(database_url: str) -> None:
    before = core_fingerprint(database_url)

    def index(connection: Connection) -> None:
        name = "core.account" if connection.dialect.name == "postgresql" else "account"
        connection.exec_driver_sql(f"CREATE INDEX of_somebody ON {name} (industry)")

    in_transaction(database_url, index)
    assert set(core_fingerprint(database_url)) > set(before)
