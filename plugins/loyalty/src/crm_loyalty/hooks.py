"""The hooks of the plugin: each says in one line what it does and leaves the work to the module that knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crm_loyalty import ledger
from crm_loyalty.export import check_totals, control_totals
from crm_loyalty.jobs import EXPIRE_POINTS
from crm_loyalty.merges import follow_merge
from crm_loyalty.notices import withdraw_open_notices
from crm_loyalty.orders import catch_up, follow_order
from crm_loyalty.routes import ROUTES
from crm_loyalty.terms import terms_of
from plugin_sdk import Issue, UninstallMode, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from plugin_sdk import Context, Environment, Job, Record
    from plugin_sdk.http import Route

_DATABASES: Final = ("postgresql", "sqlite")


@hookimpl
def record_after_write(ctx: Context, old: Record | None, new: Record) -> None:
    """Keep the ledger in step with an order, or with a merge of accounts, in the transaction that writes it."""
    follow = follow_order if new.record_type == "sales_order" else follow_merge
    follow(ctx, terms_of(ctx), old, new)


@hookimpl
def record_before_delete(ctx: Context, record: Record) -> Sequence[Issue] | None:
    """Refuse to delete an account that has points it could still spend."""
    today = ctx.now.date()
    left = ledger.holdings(ctx, [record.id])[record.id].left()
    points = sum(lot.points for lot in left if not lot.is_over(today))
    if not points:
        return None
    message = (
        f"the account has {points} unexpired loyalty points; take them by an adjustment of -{points} "
        f"(POST /api/v1/x/loyalty/accounts/{record.id}/adjustments) or merge the account into another, then delete it"
    )
    return [Issue("loyalty_points_left", message)]


@hookimpl
def record_load(ctx: Context, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
    """Compute balance and points ever received for a page of accounts, in one statement."""
    return {
        account_id: {"balance": balance, "lifetime_points": received}
        for account_id, (balance, received) in ledger.lifetime(ctx, ids).items()
    }


@hookimpl
def routes() -> Iterable[Route]:
    """Serve the ledger and adjustments."""
    return ROUTES


@hookimpl
def scheduled_jobs() -> Iterable[Job]:
    """Let points expire, once a day."""
    return (EXPIRE_POINTS,)


@hookimpl
def plugin_check(environment: Environment) -> Sequence[Issue] | None:
    """Refuse a database the ledger has not been proven on: its keys rely on how empty values compare."""
    if environment.database.startswith(_DATABASES):
        return None
    message = f"the ledger is proven on {' and '.join(_DATABASES)}, not on {environment.database}; use one of these"
    return [Issue("database_unproven", message)]


@hookimpl
def plugin_enabled(ctx: Context) -> None:
    """Catch up with the orders there are, where the tenant wants that."""
    terms = terms_of(ctx)
    if terms.backfill:
        catch_up(ctx, terms)


@hookimpl
def plugin_export(ctx: Context) -> Iterator[Mapping[str, Any]]:
    """Add the control totals to the export."""
    # Computed here and now: a generator would still be running when the context has ended.
    return iter([control_totals(ctx)])


@hookimpl
def plugin_import(ctx: Context, lines: Sequence[Mapping[str, Any]]) -> None:
    """Compare the restored ledger with the control totals; a difference refuses the import."""
    check_totals(ctx, lines)


@hookimpl
def plugin_uninstall(ctx: Context, mode: UninstallMode) -> None:
    """Withdraw notices nobody has dealt with, when the points they speak of are about to be dropped."""
    if mode is UninstallMode.PURGE:
        withdrawn = withdraw_open_notices(ctx)
        ctx.log.info("loyalty: %d open notices withdrawn", withdrawn)
