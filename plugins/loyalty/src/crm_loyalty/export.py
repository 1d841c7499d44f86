"""Control totals: an export carries them, an import must arrive at the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, cast, func, select

from crm_loyalty.tables import ledger, notice
from plugin_sdk import Issue, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugin_sdk import Context

__all__ = ["check_totals", "control_totals"]

_LINE: Final = "loyalty.control_totals"


def control_totals(ctx: Context) -> dict[str, Any]:
    """Return the line that proves an export: movements and points per kind, accounts, notices."""
    table = ledger.c
    statement = (
        select(
            table.kind,
            func.count().label("movements"),
            cast(func.sum(table.points), BigInteger).label("points"),
        )
        .group_by(table.kind)
        .order_by(table.kind)
    )
    kinds = {row["kind"]: {"movements": row["movements"], "points": row["points"]} for row in ctx.sql.rows(statement)}
    accounts = ctx.sql.scalar(select(func.count(table.account_id.distinct()).label("accounts")))
    notices = ctx.sql.scalar(select(func.count(notice.c.id).label("notices")))
    return {"line": _LINE, "kinds": kinds, "accounts": accounts, "notices": notices}


def check_totals(ctx: Context, lines: Iterable[Mapping[str, Any]]) -> None:
    """Raise Rejected unless the restored tables have the totals of the export."""
    expected = next((line for line in lines if line.get("line") == _LINE), None)
    if expected is None:
        message = "the export has no control totals of loyalty; export it again with the plugin enabled"
        raise Rejected([Issue("control_totals_missing", message)])
    restored = control_totals(ctx)
    wrong = [
        f"{key}: {expected.get(key)!r} exported, {restored[key]!r} restored"
        for key in ("kinds", "accounts", "notices")
        if expected.get(key) != restored[key]
    ]
    if wrong:
        message = f"the restored points differ from the export ({'; '.join(wrong)}); import into empty tables"
        raise Rejected([Issue("control_totals_differ", message)])
