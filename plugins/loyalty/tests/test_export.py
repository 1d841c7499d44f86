from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from plugin_sdk.testing.command import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.loyalty.tests.conftest import Shop


def customers(shop: Shop) -> list[str]:
    """Make accounts with movements of every kind, and a notice."""
    first, second = shop.account("First"), shop.account("Second")
    shop.order(first, "400", ordered_on="2020-01-01")
    shop.client.update("sales-orders", shop.order(first, "300"), status="cancelled")
    shop.client.update("sales-orders", shop.order(second, "1200"), total="1300")
    shop.adjust(second, -40)
    shop.expire()
    return [first, second]


def seen(shop: Shop, accounts: list[str]) -> list[Any]:
    return [(shop.fields(account), shop.ledger(account)) for account in accounts]


def test_exporting_purging_and_importing_loses_nothing(enabled_shop: Any, tmp_path: Path) -> None:
    shop: Shop = enabled_shop(expire_after_months=1, notice_days=40)
    accounts = customers(shop)
    before = seen(shop, accounts)
    (task,) = shop.client.list("activities", regarding_id=accounts[1])
    file = tmp_path / "loyalty.jsonl"

    shop.crm.uninstall("loyalty", export=file)
    assert "loyalty" not in shop.client.read("accounts", accounts[0])["plugins"]
    shop.crm.install("loyalty")
    shop.crm.import_(file, "loyalty")
    if not shop.crm.is_enabled("loyalty"):
        shop.crm.enable("loyalty", expire_after_months=1, notice_days=40)

    assert seen(shop, accounts) == before
    assert shop.client.get(f"activities/{task['id']}").status in {200, 404}


def test_an_import_that_lost_a_movement_is_refused(shop: Shop, tmp_path: Path) -> None:
    account = shop.account()
    order_id = shop.order(account, "400")
    before = seen(shop, [account])
    file, damaged = tmp_path / "loyalty.jsonl", tmp_path / "damaged.jsonl"
    shop.crm.uninstall("loyalty", export=file)
    damaged.write_text(_without_points_of(order_id, file.read_text("utf-8")), "utf-8")
    shop.crm.install("loyalty")

    with pytest.raises(CommandError, match="restored points differ from the export"):
        shop.crm.import_(damaged, "loyalty")

    shop.crm.uninstall("loyalty", purge=True)
    shop.crm.install("loyalty")
    shop.crm.import_(file, "loyalty")
    if not shop.crm.is_enabled("loyalty"):
        shop.crm.enable("loyalty")
    assert seen(shop, [account]) == before


@pytest.mark.parametrize("purge", [True, False])
def test_open_notices_go_only_with_the_data_they_speak_of(enabled_shop: Any, *, purge: bool) -> None:
    shop: Shop = enabled_shop(expire_after_months=1, notice_days=40)
    account = shop.account()
    shop.order(account, "900")
    shop.expire()
    (task,) = shop.client.list("activities", regarding_id=account)

    shop.crm.uninstall("loyalty", purge=purge)

    assert shop.client.get(f"activities/{task['id']}").status == (404 if purge else 200)


def _without_points_of(order_id: str, text: str) -> str:
    """Drop the movement of an order, and make the checksum at the end fit, which knows nothing of points."""
    *lines, footer = text.splitlines(keepends=True)
    kept = [line for line in lines if '"earn"' not in line or order_id.replace("-", "") not in line.replace("-", "")]
    end = json.loads(footer)
    end["rows"] -= len(lines) - len(kept)
    end["sha256"] = hashlib.sha256("".join(kept).encode()).hexdigest()
    return "".join([*kept, json.dumps(end) + "\n"])
