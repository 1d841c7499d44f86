"""Keeping fingerprints in step with records, and finding what a write would duplicate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crm_duplicate_guard import store
from crm_duplicate_guard.extract import CONTACT_POINT, POINT_KINDS, RECORD_TYPES, is_guarded, of_point, of_record
from crm_duplicate_guard.matching import Found, Policy, became_duplicate
from plugin_sdk import NotFound, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from crm_duplicate_guard.extract import Fingerprints
    from plugin_sdk import Context, Page, Record

_PER_PAGE: Final = 200
_NONE: Final[Fingerprints] = frozenset()


def find_for_draft(ctx: Context, draft: Record) -> list[Found]:
    """Return what a new record may duplicate and is worth reporting."""
    policy = Policy.of(ctx.settings)
    found = store.find(ctx, draft.record_type, policy.counted(of_record(draft.record_type, draft.values)))
    return [each for each in found if each.score >= min(policy.block_at, policy.report_at)]


def duplicates_of_record(ctx: Context, operation: Operation, old: Record | None, new: Record) -> list[Found]:
    """Return the records that a write would make this one a duplicate of."""
    if not is_guarded(new.values):
        return []
    own = of_record(new.record_type, new.values)
    if operation is Operation.CREATE:
        return _became(ctx, new.record_type, new.id, _NONE, own)
    if operation is Operation.RESTORE or old is None:
        return _became(ctx, new.record_type, new.id, _NONE, own | _points_of(ctx, [new.id]).get(new.id, _NONE))
    former = of_record(old.record_type, old.values)
    if former == own:
        return []
    before = store.stored(ctx, new.id) | former
    return _became(ctx, new.record_type, new.id, before, (before - former) | own)


def duplicates_of_point(ctx: Context, old: Record | None, new: Record) -> list[Found]:
    """Return the records that a contact point would make its owner a duplicate of.

    A point that moves from one record to another makes no duplicate of the one it leaves: that is how records are
    merged.
    """
    owner = new["record_id"]
    there = old is not None and old["record_id"] == owner and old["deleted_at"] is None
    former = of_point(old.values) if old is not None and there else _NONE
    own = of_point(new.values)
    if own <= former:
        return []
    record_type = _type_of(ctx, owner)
    if record_type is None:
        return []
    before = store.stored(ctx, owner)
    left = () if old is None else (old["record_id"],)
    return _became(ctx, record_type, owner, before, (before - former) | own, left)


def follow_record(ctx: Context, operation: Operation, old: Record | None, new: Record) -> None:
    """Bring the fingerprints of a record in step with what was written."""
    own = of_record(new.record_type, new.values)
    if operation is Operation.DELETE or not is_guarded(new.values):
        store.remove(ctx, new.id)
    elif operation is Operation.CREATE:
        store.add(ctx, new.record_type, {new.id: own})
    elif operation is not Operation.UPDATE or old is None or of_record(old.record_type, old.values) != own:
        _refresh(ctx, new, own)


def follow_point(ctx: Context, operation: Operation, old: Record | None, new: Record) -> None:
    """Bring the fingerprints of the owners of a contact point in step: of the one it had before, too."""
    if operation is Operation.UPDATE and old is not None:
        moved = old["record_id"] != new["record_id"]
        if not moved and of_point(old.values) == of_point(new.values):
            return
    for owner in dict.fromkeys(each["record_id"] for each in (old, new) if each is not None):
        record = _guarded(ctx, owner)
        if record is not None:
            _refresh(ctx, record, of_record(record.record_type, record.values))


def build(ctx: Context) -> int:
    """Build the fingerprints of all guarded records anew, page by page; return how many there are."""
    store.clear(ctx)
    total = 0
    for record_type in RECORD_TYPES:
        for page in _pages(ctx, record_type):
            points = _points_of(ctx, [record.id for record in page.records])
            wanted = {
                each.id: of_record(record_type, each.values) | points.get(each.id, _NONE) for each in page.records
            }
            store.add(ctx, record_type, wanted)
            total += len(wanted)
    return total


def _became(
    ctx: Context,
    record_type: str,
    record_id: UUID,
    before: Fingerprints,
    after: Fingerprints,
    left: Iterable[UUID] = (),
) -> list[Found]:
    policy = Policy.of(ctx.settings)
    counted = policy.counted(after)
    if not counted - before:
        return []
    found = store.find(ctx, record_type, counted, (record_id, *left))
    return [each for each in found if became_duplicate(each, before, policy.refuse_at)]


def _refresh(ctx: Context, record: Record, own: Fingerprints) -> None:
    points = _points_of(ctx, [record.id]).get(record.id, _NONE)
    store.replace(ctx, record.record_type, record.id, own | points)


def _type_of(ctx: Context, record_id: UUID) -> str | None:
    known = store.stored_type(ctx, record_id)
    if known is not None:
        return known
    record = _guarded(ctx, record_id)
    return record.record_type if record else None


def _guarded(ctx: Context, record_id: UUID) -> Record | None:
    """Return the record if it is guarded: a contact point can belong to a record of any type."""
    known = store.stored_type(ctx, record_id)
    for record_type in RECORD_TYPES if known is None else (known,):
        try:
            record = ctx.api.get(record_type, record_id)
        except NotFound:
            continue
        return record if is_guarded(record.values) else None
    return None


def _points_of(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Fingerprints]:
    """Return the fingerprints of the contact points of some records."""
    found: dict[UUID, Fingerprints] = {}
    if ids:
        wanted = {"record_id[in]": ",".join(map(str, ids)), "kind[in]": ",".join(POINT_KINDS)}
        for page in _pages(ctx, CONTACT_POINT, wanted):
            for point in page.records:
                found[point["record_id"]] = found.get(point["record_id"], _NONE) | of_point(point.values)
    return found


def _pages(ctx: Context, record_type: str, filters: Mapping[str, str] | None = None) -> Iterator[Page]:
    cursor = None
    while True:
        page = ctx.api.list(record_type, filters, limit=_PER_PAGE, cursor=cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
