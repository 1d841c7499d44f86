"""Reading and writing fingerprints, always of the tenant of the context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from sqlalchemy import and_, case, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from crm_duplicate_guard.fingerprints import Fingerprint
from crm_duplicate_guard.matching import Found
from crm_duplicate_guard.tables import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crm_duplicate_guard.extract import Fingerprints
    from plugin_sdk import Context

_ROWS_PER_INSERT: Final = 500
# Enough to report; thousands can share a name or a website, and nobody reads them all.
_MOST_ROWS: Final = 500
_CERTAIN: Final = ("email", "registration")


def stored(ctx: Context, record_id: UUID) -> Fingerprints:
    """Return what is stored for a record."""
    found = select(fingerprint.c.kind, fingerprint.c.value).where(fingerprint.c.record_id == record_id)
    return frozenset(Fingerprint(row["kind"], row["value"]) for row in ctx.sql.rows(found))


def stored_type(ctx: Context, record_id: UUID) -> str | None:
    """Return the type of a record that has fingerprints, None for any other."""
    found = select(fingerprint.c.record_type).where(fingerprint.c.record_id == record_id).limit(1)
    record_type: str | None = ctx.sql.scalar(found)
    return record_type


def find(ctx: Context, record_type: str, wanted: Fingerprints, except_for: Iterable[UUID] = ()) -> list[Found]:
    """Return the other records of the same type with any of these fingerprints, those most alike first."""
    if not wanted:
        return []
    statement = (
        select(fingerprint.c.record_id, fingerprint.c.kind, fingerprint.c.value)
        .where(fingerprint.c.record_type == record_type, or_(*map(_is, sorted(wanted))))
        # Where there are too many rows, those that decide must not be the ones that are cut off.
        .order_by(case((or_(*(fingerprint.c.kind == kind for kind in _CERTAIN)), 0), else_=1), fingerprint.c.record_id)
        .limit(_MOST_ROWS)
    )
    common: dict[UUID, set[Fingerprint]] = {}
    for row in ctx.sql.rows(statement):
        common.setdefault(row["record_id"], set()).add(Fingerprint(row["kind"], row["value"]))
    for record_id in except_for:
        common.pop(record_id, None)
    found = [Found(record_id, record_type, frozenset(shared)) for record_id, shared in common.items()]
    return sorted(found, key=lambda each: (-each.score, str(each.record_id)))


def replace(ctx: Context, record_type: str, record_id: UUID, wanted: Fingerprints) -> None:
    """Store exactly these fingerprints for a record."""
    present = stored(ctx, record_id)
    gone = present - wanted
    if gone:
        ctx.sql.execute(delete(fingerprint).where(fingerprint.c.record_id == record_id, or_(*map(_is, sorted(gone)))))
    add(ctx, record_type, {record_id: wanted - present})


def add(ctx: Context, record_type: str, wanted: Mapping[UUID, Fingerprints]) -> None:
    """Store fingerprints of several records; those that are there already stay.

    A row's id follows from what it says, so two transactions that store the same row agree instead of failing.
    """
    rows = [
        {
            "tenant_id": ctx.tenant_id,
            "id": uuid5(record_id, f"{each.kind}:{each.value}"),
            "record_id": record_id,
            "record_type": record_type,
            "kind": each.kind,
            "value": each.value,
        }
        for record_id, fingerprints in wanted.items()
        for each in sorted(fingerprints)
    ]
    for chunk in _chunks(rows):
        ctx.sql.execute(insert(fingerprint).values(chunk).on_conflict_do_nothing())


def remove(ctx: Context, record_id: UUID) -> None:
    """Remove the fingerprints of one record."""
    ctx.sql.execute(delete(fingerprint).where(fingerprint.c.record_id == record_id))


def clear(ctx: Context) -> None:
    """Remove all fingerprints of the tenant."""
    ctx.sql.execute(delete(fingerprint))


def _is(each: Fingerprint) -> Any:
    return and_(fingerprint.c.kind == each.kind, fingerprint.c.value == each.value)


def _chunks(rows: Sequence[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    for start in range(0, len(rows), _ROWS_PER_INSERT):
        yield list(rows[start : start + _ROWS_PER_INSERT])
