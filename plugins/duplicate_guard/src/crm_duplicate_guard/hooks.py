"""The hooks of the duplicate guard; what they do is in ``service`` and ``normal_form``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crm_duplicate_guard import service, store
from crm_duplicate_guard.extract import CONTACT_POINT
from crm_duplicate_guard.matching import Policy
from crm_duplicate_guard.normal_form import corrections
from plugin_sdk import Issue, Match, Operation, Patch, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_duplicate_guard.matching import Found
    from plugin_sdk import Context, Record

_FIELDS: Final = {"registration": "registration_number", "domain": "website"}
_CHECKED: Final = frozenset({Operation.CREATE, Operation.UPDATE, Operation.RESTORE})


@hookimpl
def record_normalize(record_type: str, draft: Record) -> Patch | None:
    """Bring a new record into its usual form, so that it is stored and compared that way."""
    return _patch(corrections(record_type, draft.values))


@hookimpl
def record_before_write(operation: Operation, old: Record | None, new: Record) -> Patch | None:
    """Bring changed fields into their usual form; fields that nobody touched stay as they are."""
    if operation is not Operation.UPDATE or old is None:
        return None
    changed = {name for name in new if new[name] != old.get(name)}
    return _patch(corrections(new.record_type, new.values, changed))


@hookimpl
def find_duplicates(ctx: Context, draft: Record) -> Sequence[Match]:
    """Name the records that a new one may duplicate; those at or above ``block_at`` refuse it."""
    limit = Policy.of(ctx.settings).block_at
    return [
        Match(found.record_id, float(found.score), found.reason, blocks=found.score >= limit)
        for found in service.find_for_draft(ctx, draft)
    ]


@hookimpl
def record_validate(ctx: Context, operation: Operation, old: Record | None, new: Record) -> Sequence[Issue] | None:
    """Refuse a write that would make the record a duplicate of another.

    Only creating a record asks ``find_duplicates``, so changes, restored records and contact points are refused here.
    In strict mode new records are too, inside the transaction and for every match worth reporting.
    """
    if operation not in _CHECKED:
        return None
    if new.record_type == CONTACT_POINT:
        return [_issue(found, new, ctx) for found in service.duplicates_of_point(ctx, old, new)]
    if operation is Operation.CREATE and not ctx.settings["strict"]:
        return None
    return [_issue(found, new, ctx) for found in service.duplicates_of_record(ctx, operation, old, new)]


@hookimpl
def record_after_write(ctx: Context, operation: Operation, old: Record | None, new: Record) -> None:
    """Keep the fingerprints in step, in the transaction of the write itself."""
    if new.record_type == CONTACT_POINT:
        service.follow_point(ctx, operation, old, new)
    else:
        service.follow_record(ctx, operation, old, new)


@hookimpl
def plugin_enabled(ctx: Context) -> None:
    """Build the fingerprints of the records that are there already."""
    ctx.log.info("built fingerprints of %d records", service.build(ctx))


@hookimpl
def plugin_disabled(ctx: Context) -> None:
    """Remove the fingerprints: nothing keeps them in step from now on, and old ones would refuse good records."""
    store.clear(ctx)


def _patch(values: dict[str, Any]) -> Patch | None:
    return Patch(values=values) if values else None


def _issue(found: Found, new: Record, ctx: Context) -> Issue:
    strongest = found.kinds[0]
    field = "value" if new.record_type == CONTACT_POINT else _FIELDS.get(strongest, strongest)
    message = (
        f"this would make the {found.record_type} a duplicate of {found.record_id}: {found.reason} "
        f"(score {found.score}, refused from {Policy.of(ctx.settings).refuse_at}); merge the two or correct one of them"
    )
    return Issue("duplicate_record", message, field if field in new else None)
