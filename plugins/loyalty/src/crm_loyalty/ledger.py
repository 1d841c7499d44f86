"""Reading the ledger and adding movements to it; one statement each, two for `lock`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, and_, case, cast, delete, func, insert, select

from crm_loyalty.points import Lot, unspent
from crm_loyalty.tables import Kind, ledger
from plugin_sdk import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement

    from plugin_sdk import Context

__all__ = [
    "PAGE",
    "Holding",
    "Movement",
    "accounts_with_lots",
    "add",
    "balances",
    "every_account",
    "holdings",
    "lifetime",
    "lock",
    "movements_of",
    "pages",
]

PAGE: Final = 500
"""How many accounts or orders are handled with one statement; the databases limit the values of one."""

_NOBODY: Final = UUID(int=0)
_INSERT_ROWS: Final = 200  # eleven values each, and SQLite takes 32,766


@dataclass(frozen=True, slots=True)
class Movement:
    """One row to be added."""

    account_id: UUID
    kind: Kind
    points: int
    occurred_on: date
    lot_id: UUID | None = None
    sequence: int = 0
    sales_order_id: UUID | None = None
    expires_on: date | None = None
    note: str | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds: its lots before spending, and how much it has spent."""

    lots: tuple[Lot, ...]
    spent: int

    def left(self) -> tuple[Lot, ...]:
        """Return the lots that are not used up, with what is left of them."""
        return unspent(self.lots, self.spent)


def pages(ids: Sequence[UUID], size: int = PAGE) -> Iterator[Sequence[UUID]]:
    """Split ids into pages that fit into one statement."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def add(ctx: Context, movements: Sequence[Movement]) -> None:
    """Write movements."""
    for start in range(0, len(movements), _INSERT_ROWS):
        rows = [_row(ctx, movement) for movement in movements[start : start + _INSERT_ROWS]]
        ctx.sql.execute(insert(ledger).values(rows))


def movements_of(ctx: Context, lot_ids: Sequence[UUID]) -> dict[UUID, list[Mapping[str, Any]]]:
    """Return the movements of some lots by lot, oldest first."""
    table = ledger.c
    statement = (
        select(table.account_id, table.lot_id, table.sequence, table.kind, table.points, table.expires_on)
        .where(table.lot_id.in_(lot_ids))
        .order_by(table.sequence)
    )
    found: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for row in ctx.sql.rows(statement):
        found[row["lot_id"]].append(row)
    return found


def holdings(ctx: Context, account_ids: Sequence[UUID]) -> dict[UUID, Holding]:
    """Return what accounts hold; every account asked for is in the answer."""
    table = ledger.c
    statement = (
        select(
            table.account_id,
            table.lot_id,
            _sum(table.points, "points"),
            func.min(table.expires_on).label("expires_on"),
            func.max(table.sequence).label("sequence"),
            table.sales_order_id,
        )
        .where(table.account_id.in_(account_ids))
        .group_by(table.account_id, table.lot_id, table.sales_order_id)
    )
    lots: dict[UUID, list[Lot]] = defaultdict(list)
    spent: dict[UUID, int] = defaultdict(int)
    for row in ctx.sql.rows(statement):
        account_id, lot_id, points, expires_on, sequence, sales_order_id = row.values()
        if lot_id is None:
            spent[account_id] -= points
        else:
            lots[account_id].append(Lot(lot_id, points, expires_on, sequence, sales_order_id))
    return {account_id: Holding(tuple(lots[account_id]), spent[account_id]) for account_id in account_ids}


def lock(ctx: Context, account_ids: Sequence[UUID]) -> None:
    """Wait for other transactions that take points from these accounts, and make later ones wait."""
    table = ledger.c
    # A lock lasts as long as its transaction, and only a write opens one: this one finds nothing to delete.
    ctx.sql.execute(delete(ledger).where(table.id == _NOBODY))
    # In one order for everybody, so that two of them never wait for each other.
    statement = select(table.id).where(table.account_id.in_(account_ids)).order_by(table.id).with_for_update()
    ctx.sql.rows(statement)


def balances(ctx: Context, account_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the balances of accounts, 0 for those without movements."""
    table = ledger.c
    statement = (
        select(table.account_id, _sum(table.points, "balance"))
        .where(table.account_id.in_(account_ids))
        .group_by(table.account_id)
    )
    found = {row["account_id"]: row["balance"] for row in ctx.sql.rows(statement)}
    return {account_id: found.get(account_id, 0) for account_id in account_ids}


def lifetime(ctx: Context, account_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Return balance and points ever received of accounts, zeros for those without movements."""
    table = ledger.c
    # Points spent belong to no lot; everything of a lot but its expiry is what the account was given.
    received = case((and_(table.lot_id.is_not(None), table.kind != Kind.EXPIRE.value), table.points), else_=0)
    statement = (
        select(table.account_id, _sum(table.points, "balance"), _sum(received, "received"))
        .where(table.account_id.in_(account_ids))
        .group_by(table.account_id)
    )
    found = {row["account_id"]: (row["balance"], row["received"]) for row in ctx.sql.rows(statement)}
    return {account_id: found.get(account_id, (0, 0)) for account_id in account_ids}


def accounts_with_lots(ctx: Context, first: date | None, last: date) -> list[UUID]:
    """Return the accounts that may hold points whose last good day is from ``first`` to ``last``, sorted."""
    table = ledger.c
    statement = (
        select(table.account_id)
        .where(table.expires_on <= last)
        .group_by(table.account_id, table.lot_id)
        .having(func.sum(table.points) > 0)
    )
    if first is not None:
        statement = statement.where(table.expires_on >= first)
    return sorted({row["account_id"] for row in ctx.sql.rows(statement)})


def every_account(ctx: Context) -> list[UUID]:
    """Return all accounts that have movements, sorted."""
    return sorted(row["account_id"] for row in ctx.sql.rows(select(ledger.c.account_id).distinct()))


def _sum(column: ColumnElement[int], name: str) -> ColumnElement[int]:
    # PostgreSQL adds bigints up to a numeric, which would arrive as a Decimal.
    return cast(func.coalesce(func.sum(column), 0), BigInteger).label(name)


def _row(ctx: Context, movement: Movement) -> dict[str, Any]:
    return {
        "tenant_id": ctx.tenant_id,
        "id": movement.id or new_id(),
        "account_id": movement.account_id,
        "lot_id": movement.lot_id,
        "sequence": movement.sequence,
        "sales_order_id": movement.sales_order_id,
        "kind": movement.kind.value,
        "points": movement.points,
        "occurred_on": movement.occurred_on,
        "expires_on": movement.expires_on,
        "note": movement.note,
    }
