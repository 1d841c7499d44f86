"""The plugin's own REST routes, below ``/api/v1/x/loyalty``."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import and_, or_, select

from crm_loyalty import ledger
from crm_loyalty.ledger import Movement
from crm_loyalty.points import after_months
from crm_loyalty.tables import Kind
from crm_loyalty.tables import ledger as table
from crm_loyalty.terms import terms_of
from crm_loyalty.tiers import keep_tiers
from plugin_sdk import Issue, NotFound, Rejected, new_id
from plugin_sdk.http import Request, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin_sdk import Context

__all__ = ["ROUTES"]

_LIMIT: Final = 50
_LONGEST: Final = 500
_MOST: Final = 1_000_000_000


class MovementView(BaseModel):
    """One movement of points."""

    id: UUID
    kind: Literal["earn", "cancel", "expire", "adjust"]
    points: int
    occurred_on: date
    expires_on: date | None
    sales_order_id: UUID | None
    note: str | None


class LedgerView(BaseModel):
    """One page of movements, latest first, with the totals of the account."""

    balance: int
    lifetime_points: int
    data: list[MovementView]
    next_cursor: str | None


class Adjustment(BaseModel):
    """Points given or taken by hand."""

    points: int = Field(ge=-_MOST, le=_MOST, description="Positive: given. Negative: taken or spent.")
    note: str = Field(min_length=1, max_length=500, description="Why; the customer may ask.")


class AdjustmentView(BaseModel):
    """What an adjustment has led to."""

    id: UUID
    points: int
    balance: int
    tier: str


def read_ledger(ctx: Context, request: Request) -> dict[str, Any]:
    """Return one page of an account's movements and its totals."""
    account_id = _account_id(ctx, request)
    limit = _limit(request.query)
    statement = (
        select(*(table.c[name] for name in MovementView.model_fields))
        .where(table.c.account_id == account_id)
        .order_by(table.c.occurred_on.desc(), table.c.id.desc())
        .limit(limit + 1)
    )
    cursor = request.query.get("cursor")
    if cursor:
        day, last = _position(cursor)
        same_day = and_(table.c.occurred_on == day, table.c.id < last)
        statement = statement.where(or_(table.c.occurred_on < day, same_day))
    rows = ctx.sql.rows(statement)
    balance, received = ledger.lifetime(ctx, [account_id])[account_id]
    end = rows[limit - 1] if len(rows) > limit else None
    return {
        "balance": balance,
        "lifetime_points": received,
        "data": rows[:limit],
        "next_cursor": f"{end['occurred_on']}_{end['id']}" if end else None,
    }


def adjust(ctx: Context, request: Request) -> dict[str, Any]:
    """Give or take points by hand; nobody can take more than there is."""
    account_id = _account_id(ctx, request)
    body = request.body
    if not isinstance(body, Adjustment) or body.points == 0:
        raise Rejected([Issue("points_zero", "an adjustment moves points; write a number other than 0", "points")])
    if body.points < 0:
        ledger.lock(ctx, [account_id])
    balance = ledger.balances(ctx, [account_id])[account_id] + body.points
    if body.points < 0 and balance < 0:
        message = f"the account has {balance - body.points} points, {-body.points} cannot be taken; take fewer"
        raise Rejected([Issue("balance_below_zero", message, "points")])
    terms, movement_id, today = terms_of(ctx), new_id(), ctx.now.date()
    given = body.points > 0
    movement = Movement(
        account_id,
        Kind.ADJUST,
        body.points,
        occurred_on=today,
        lot_id=movement_id if given else None,
        sequence=1 if given else 0,
        expires_on=after_months(today, terms.months) if given else None,
        note=body.note,
        id=movement_id,
    )
    ledger.add(ctx, [movement])
    keep_tiers(ctx, terms, [account_id])
    tier = ctx.fields.get("account", [account_id])[account_id]["tier"]
    return {"id": movement_id, "points": body.points, "balance": balance, "tier": tier}


def _account_id(ctx: Context, request: Request) -> UUID:
    """Return the account of the path, which must exist and not be deleted."""
    text = request.path["account_id"]
    try:
        account_id = UUID(text)
    except ValueError:
        raise NotFound(f"there is no account {text!r}; write its id") from None
    return ctx.api.get("account", account_id).id


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(_LIMIT))
    limit = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= limit <= _LONGEST:
        raise Rejected([Issue("limit", f"limit={text}: write a number from 1 to {_LONGEST}", "limit")])
    return limit


def _position(cursor: str) -> tuple[date, UUID]:
    day, _, last = cursor.partition("_")
    try:
        return date.fromisoformat(day), UUID(last)
    except ValueError:
        message = f"cursor={cursor}: send next_cursor of the page before, or leave it out"
        raise Rejected([Issue("cursor", message, "cursor")]) from None


ROUTES: Final = (
    Route(
        "GET",
        "/accounts/{account_id}/ledger",
        "account:read",
        read_ledger,
        LedgerView,
        summary="List the movements of an account's points, with its totals",
    ),
    Route(
        "POST",
        "/accounts/{account_id}/adjustments",
        "account:update",
        adjust,
        AdjustmentView,
        body=Adjustment,
        summary="Give or take points by hand",
        status=201,
    ),
)
