"""The demo is what a newcomer sees first: it must be whole."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import httpx

from crm_core import demo
from crm_core.app import create_app
from crm_core.runtime import opened
from crm_core.settings import Settings
from tests.support.app import run

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def rows(name: str) -> list[dict[str, str]]:
    with (demo.FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_data_is_in_and_the_plugins_have_worked(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/demo.db", background=False)
    told: list[str] = []
    made = demo.prepare(settings, told.append)

    async def look() -> dict[str, Any]:
        async with opened(settings) as runtime:
            headers = {"authorization": f"Bearer {made.api_key}"}
            transport = httpx.ASGITransport(create_app(runtime))
            async with httpx.AsyncClient(transport=transport, base_url="http://crm/api/v1", headers=headers) as client:
                lists = {path: await client.get(f"/{path}", params={"limit": 500}) for path in PATHS}
                scored = await client.get("/leads", params={"lead_scoring.score[gt]": "0", "limit": 500})
                gold = await client.get("/accounts", params={"loyalty.tier[in]": "gold,silver"})
                return {
                    **{path: answer.json()["data"] for path, answer in lists.items()},
                    "scored": scored.json()["data"],
                    "tiers": gold.json()["data"],
                }

    found = run(look())
    assert [(path, len(found[path])) for path in PATHS] == [(path, len(rows(name))) for path, name in PATHS.items()]
    assert len(found["scored"]) > 10
    assert found["tiers"]
    assert not [line for line in told if "rows refused" in line and ", 0 rows refused" not in line]


PATHS = {
    "accounts": "accounts",
    "contacts": "contacts",
    "leads": "leads",
    "opportunities": "opportunities",
    "sales-orders": "orders",
}
