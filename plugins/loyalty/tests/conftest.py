from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugin_sdk.testing.tenant import Crm


class Shop:
    """A tenant that has the plugin enabled, and what the tests say about its customers, orders and points."""

    def __init__(self, crm: Crm, **settings: Any) -> None:
        self.crm = crm
        self.client = crm.client
        crm.enable("loyalty", **settings)

    def account(self, name: str = "Acme") -> str:
        return str(self.client.create("accounts", name=name)["id"])

    def order(self, account: str | None, total: str, status: str = "confirmed", **more: Any) -> str:
        values = {"currency": "EUR", "status": status, "total": total, "account_id": account, **more}
        return str(self.client.create("sales-orders", **values)["id"])

    def ledger(self, account: str, **query: Any) -> dict[str, Any]:
        path = f"x/loyalty/accounts/{account}/ledger"
        page: dict[str, Any] = self.client.expect(200, "GET", path, params=query)
        return page

    def movements(self, account: str) -> list[tuple[str, int]]:
        """Return kinds and points in a stable order: those of one day have no order of their own."""
        return sorted((one["kind"], one["points"]) for one in self.ledger(account)["data"])

    def adjust(self, account: str, points: int, note: str = "by hand") -> dict[str, Any]:
        path = f"x/loyalty/accounts/{account}/adjustments"
        made: dict[str, Any] = self.client.expect(201, "POST", path, json={"points": points, "note": note})
        return made

    def fields(self, account: str) -> dict[str, Any]:
        fields: dict[str, Any] = self.client.read("accounts", account)["plugins"]["loyalty"]
        return fields

    def change_settings(self, **settings: Any) -> None:
        answer = self.client.patch("plugins/loyalty/settings", json={"settings": settings})
        assert answer.status in {200, 204}, answer.text

    def expire(self) -> None:
        self.crm.run_job("expire_points", "loyalty")


@pytest.fixture
def shop(crm: Crm) -> Shop:
    return Shop(crm)


@pytest.fixture
def enabled_shop(crm: Crm) -> Callable[..., Shop]:
    """Enable the plugin with the settings of the call."""
    return partial(Shop, crm)
