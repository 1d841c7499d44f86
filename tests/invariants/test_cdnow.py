"""Real purchases, imported through the public command: exact totals, repeatable, and the same after a crash.

The first 2,000 purchases are imported on every run, with the plugins in process; all 69,659 with ``CRM_FULL=1``. The
import that is killed has the plugins isolated. The plugins loyalty and lead_scoring must be installed in the
environment; loyalty's points are checked against the file, too.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from crm_core.actors import system_actor
from crm_core.db.statements import Statement
from crm_core.identity.tenants import ALL_TENANTS
from crm_core.records.statements import in_tenant
from crm_core.runtime import opened
from crm_core.schema import core, import_run
from crm_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.records.scope import Scope

_ROOT = Path(__file__).resolve().parents[2]
_MAPPING = _ROOT / "tests" / "data" / "cdnow.toml"
_PLUGINS = ("loyalty", "lead_scoring")
_SAMPLE = 2_000
_KILLED = 300
_CUSTOMERS, _PURCHASES = 23_570, 69_659
_TABLES = ("account", "sales_order", "sales_order_line", "external_ref", "record", "audit_event", "outbox")
_TIMEOUT = 600


@dataclass(frozen=True)
class Expected:
    """What a file of purchases comes to, computed from the file alone."""

    file: Path
    customers: int
    orders: int
    dollars: Decimal
    units: int
    points: int


@dataclass(frozen=True)
class Crm:
    """The command ``crm`` on one database."""

    url: str
    tier: str = "in_process"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        environment = {**os.environ, "CRM_DATABASE_URL": self.url, "CRM_PLUGIN_TIER": self.tier}
        command = [sys.executable, "-m", "crm_core.cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=_ROOT, env=environment, text=True, stdout=pipe, stderr=pipe)

    def run(self, *arguments: str, code: int = 0) -> Any:
        """Run a command to its end and return what it says."""
        process = self.start(*arguments, "--json")
        out, error = process.communicate(timeout=_TIMEOUT)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{error}"
        return json.loads(out)

    def tenant(self, key: str) -> str:
        """Make a tenant with the plugins enabled."""
        self.run("tenant", "create", key)
        for plugin in _PLUGINS:
            self.run("plugin", "enable", plugin, "--tenant", key)
        return key

    def load(self, file: Path, tenant: str, *options: str) -> Any:
        """Import a file of purchases."""
        return self.run("import", str(file), "--mapping", str(_MAPPING), "--tenant", tenant, *options)

    def table(self, tenant: str, record_type: str, out: Path) -> list[dict[str, str]]:
        """Return all records of a type as an export writes them."""
        self.run("export", "--tenant", tenant, "--record-type", record_type, "--out", str(out), "--plugins")
        with out.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def test_totals_are_exact_and_a_second_import_changes_nothing(crm: Crm, purchases: Expected, tmp_path: Path) -> None:
    tenant = crm.tenant("shop")
    done = crm.load(purchases.file, tenant)
    assert (done["rows"], done["failed"], done["updated"]) == (purchases.orders, 0, 0)
    assert done["records"]["account"]["created"] == purchases.customers
    assert done["records"]["sales_order"] == {"created": purchases.orders}
    assert found(crm, tenant, tmp_path) == purchases

    before = counts(crm, tenant)
    again = crm.load(purchases.file, tenant)
    assert (again["created"], again["updated"], again["failed"]) == (0, 0, 0)
    assert again["unchanged"] == 2 * purchases.orders
    assert counts(crm, tenant) == before


def test_an_import_that_is_killed_goes_on_to_the_same_end(crm: Crm, tmp_path: Path) -> None:
    purchases = expected(_KILLED, tmp_path)
    crm = replace(crm, tier="isolated")
    whole, killed = crm.tenant("whole"), crm.tenant("killed")
    crm.load(purchases.file, whole)
    process = crm.start(
        "import", str(purchases.file), "--mapping", str(_MAPPING), "--tenant", killed, "--batch", "20"
    )  # fmt: skip
    while position(crm, killed) < purchases.orders // 3:
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate(timeout=_TIMEOUT)
    stopped = position(crm, killed)
    assert purchases.orders // 3 <= stopped < purchases.orders
    assert counts(crm, killed)["sales_order"] == stopped

    done = crm.load(purchases.file, killed)
    assert (done["resumed_at"], done["rows"], done["failed"]) == (stopped, purchases.orders - stopped, 0)
    assert counts(crm, killed) == counts(crm, whole)
    assert found(crm, killed, tmp_path) == found(crm, whole, tmp_path) == purchases


@pytest.fixture
def crm(database_url: str) -> Crm:
    """Give the command on an empty database with the plugins installed."""
    present = {point.name for point in entry_points(group="crm.plugins")}
    missing = [plugin for plugin in _PLUGINS if plugin not in present]
    if missing:
        pytest.fail(f"install the plugins {', '.join(missing)} into this environment: uv pip install ./plugins/<name>")
    command = Crm(database_url)
    for plugin in _PLUGINS:
        command.run("plugin", "install", plugin)
    return command


@pytest.fixture
def purchases(tmp_path: Path) -> Expected:
    """Give the sample, or everything with CRM_FULL=1."""
    if os.environ.get("CRM_FULL") != "1":
        return expected(_SAMPLE, tmp_path)
    everything = expected(None, tmp_path)
    assert (everything.customers, everything.orders) == (_CUSTOMERS, _PURCHASES)
    return everything


def expected(rows: int | None, folder: Path) -> Expected:
    """Return the totals of the first rows, and a file with these rows."""
    lines = source().read_text(encoding="ascii").splitlines(keepends=True)
    kept = lines if rows is None else lines[: rows + 1]
    file = folder / "purchases.txt"
    file.write_text("".join(kept), encoding="ascii", newline="")
    cells = [line.split() for line in kept[1:]]
    dollars = [Decimal(row[3]) for row in cells]
    return Expected(
        file,
        customers=len({row[0] for row in cells}),
        orders=len(cells),
        dollars=sum(dollars, Decimal(0)),
        units=sum(int(row[2]) for row in cells),
        points=sum(int(amount) for amount in dollars),
    )


def source() -> Path:
    """Return the file of purchases; without it the tests fail, they are never skipped."""
    folder = Path(os.environ.get("CRM_SHARED_DATA") or _ROOT.parent / "shared" / "data")
    file = folder / "cdnow" / "CDNOW_master.txt"
    if not file.is_file():
        pytest.fail(f"{file} is missing: set CRM_SHARED_DATA to the folder that has cdnow/CDNOW_master.txt")
    return file


def found(crm: Crm, tenant: str, folder: Path) -> Expected:
    """Return what the tenant's records come to, as exports show them."""
    accounts = crm.table(tenant, "account", folder / "accounts.csv")
    orders = crm.table(tenant, "sales_order", folder / "orders.csv")
    lines = crm.table(tenant, "sales_order_line", folder / "lines.csv")
    assert {order["account_id"] for order in orders} == {account["id"] for account in accounts}
    assert Counter(line["document_id"] for line in lines) == Counter(order["id"] for order in orders)
    totals = [sum(Decimal(order[name]) for order in orders) for name in ("net", "total")]
    assert totals == [sum(Decimal(line["net"]) for line in lines)] * 2
    return Expected(
        folder / "purchases.txt",
        customers=len(accounts),
        orders=len(orders),
        dollars=Decimal(totals[0]),
        units=int(sum(Decimal(line["quantity"]) for line in lines)),
        points=sum(int(account["loyalty.balance"]) for account in accounts),
    )


def counts(crm: Crm, tenant: str) -> Mapping[str, int]:
    """Return how many rows the tenant has in each table."""

    def read(scope: Scope) -> dict[str, int]:
        found = {}
        for name in _TABLES:
            table = core.tables[f"core.{name}"]
            statement = select(func.count().label("n")).select_from(table).where(in_tenant(table.c.tenant_id))
            found[name] = int(scope.uow.fetch(Statement(statement), {})[0][0])
        return found

    return asyncio.run(_read(crm, tenant, read))


def position(crm: Crm, tenant: str) -> int:
    """Return how many rows of the tenant's import are done."""
    statement = Statement(select(import_run.c.position).where(in_tenant(import_run.c.tenant_id)))
    rows = asyncio.run(_read(crm, tenant, lambda scope: scope.uow.fetch(statement, {})))
    return int(rows[0][0]) if rows else 0


async def _read(crm: Crm, tenant: str, function: Any) -> Any:
    async with opened(Settings(database_url=crm.url, background=False, pool_size=1), discovered=()) as runtime:
        tenants = await runtime.database.run(lambda each: each.fetch(ALL_TENANTS, {}), tenant_id=None, write=False)
        (tenant_id,) = [row[0] for row in tenants if row[1] == tenant]
        return await runtime.run(system_actor(tenant_id), function, write=False)
