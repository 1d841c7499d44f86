"""Convert a lead: what it is about becomes an account, a contact and an opportunity, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crm_core.errors import InvalidInput, Refused
from crm_core.records import change, read
from crm_core.records.create import apply_before_write, create, validate
from crm_core.records.fields import SHORT_TEXT
from crm_core.records.hookable import PluginValues, checked_patch, frozen, patched
from crm_core.records.stages import places_of
from plugin_sdk import ConvertPlan, Issue, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.records.scope import Scope

_WON = "won"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class AlreadyConverted(Refused):
    """The lead has been converted before."""

    code = "already_converted"
    status = 409


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to convert: into which existing records, and what the new opportunity has beyond what the lead says."""

    account_id: UUID | None = None
    contact_id: UUID | None = None
    opportunity: Mapping[str, Any] | None = None
    create_opportunity: bool = True
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """The rows a conversion leaves."""

    lead: dict[str, Any]
    account: dict[str, Any]
    contact: dict[str, Any]
    opportunity: dict[str, Any] | None


def convert(scope: Scope, lead_id: UUID, wanted: Wanted) -> Converted:
    """Convert a lead; whatever fails, nothing of it is kept.

    Plugins may patch what is created (``lead_convert``); what they say about an existing record is not asked for.
    Raises AlreadyConverted, RecordNotFound, and whatever creating the records can raise.
    """
    entity = scope.entity("lead")
    lead = read.load_row(scope, entity, lead_id, scope.actor.require("lead", "update"))
    change.require_version(entity, lead, wanted.version)
    if lead["converted_at"] is not None:
        when = f"{lead['converted_at']:%Y-%m-%d %H:%M} UTC"
        message = f"lead {lead['number']} was converted on {when}; use the records it became"
        raise AlreadyConverted([("core", Issue("already_converted", message, field="converted_at"))])
    contact = _existing(scope, "contact", wanted.contact_id)
    account = _existing(scope, "account", wanted.account_id or (contact["account_id"] if contact else None))
    plan = _patched(scope, lead, _plan(lead, account, contact, _given(scope, wanted)))
    if account is None:
        account = create(scope, scope.entity("account"), plan.account)
    if contact is None:
        contact = create(scope, scope.entity("contact"), {**plan.contact, "account_id": account["id"]})
        _add_contact_points(scope, lead, contact)
    opportunity = None
    if plan.opportunity is not None:
        parties = {"account_id": account["id"], "contact_id": contact["id"]}
        opportunity = create(scope, scope.entity("opportunity"), {**plan.opportunity, **parties})
    return Converted(_closed(scope, lead, account, contact, opportunity), account, contact, opportunity)


def _given(scope: Scope, wanted: Wanted) -> Mapping[str, Any] | None:
    """Return the caller's fields of the opportunity with their Python types, None where there shall be none."""
    for name in ("account_id", "contact_id"):
        if name in (wanted.opportunity or {}):
            message = f"opportunity.{name} follows from the conversion; send {name} beside opportunity"
            raise InvalidInput(message, field=f"opportunity.{name}")
    if wanted.create_opportunity:
        return checked_patch(scope.entity("opportunity"), "convert", wanted.opportunity or {})
    if wanted.opportunity:
        message = "opportunity: send its fields, or create_opportunity = false, but not both"
        raise InvalidInput(message, field="opportunity")
    return None


def _existing(scope: Scope, record_type: str, record_id: UUID | None) -> dict[str, Any] | None:
    if record_id is None:
        return None
    return read.load_row(scope, scope.entity(record_type), record_id, scope.actor.require(record_type, "read"))


def _plan(
    lead: Mapping[str, Any],
    account: Mapping[str, Any] | None,
    contact: Mapping[str, Any] | None,
    given: Mapping[str, Any] | None,
) -> ConvertPlan:
    """Return what the lead says about the new records; of a record that exists, nothing."""
    shared = {name: lead[name] for name in ("language", "owner_id")}
    of_account = {"name": lead["company"] or lead["name"], "website": lead["website"], **shared}
    of_contact = {"name": lead["name"], "title": lead["title"], **shared}
    of_opportunity: Mapping[str, Any] | None = None
    if given is not None:
        customer = account["name"] if account else of_account["name"]
        of_opportunity = {
            "name": (customer if customer == lead["name"] else f"{customer}: {lead['name']}")[:SHORT_TEXT],
            **{name: lead[name] for name in ("source", "campaign_id", "owner_id")},
            **given,
        }
    return ConvertPlan(
        _NOTHING if account else MappingProxyType(of_account),
        _NOTHING if contact else MappingProxyType(of_contact),
        None if of_opportunity is None else MappingProxyType(of_opportunity),
    )


def _patched(scope: Scope, lead: Mapping[str, Any], plan: ConvertPlan) -> ConvertPlan:
    """Return the plan with the patches of all plugins merged in."""
    if not scope.hooks.has("lead_convert", "lead"):
        return plan
    entity = scope.entity("lead")
    stored = read.plugin_values(scope, entity, [lead["id"]])[0]
    patches = scope.hooks.patches("lead_convert", "lead", lead=frozen(entity, lead, stored), plan=plan)

    def part(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**values, **patched(scope.entity(name), "lead_convert", patches, name)}

    return ConvertPlan(
        part("account", plan.account),
        part("contact", plan.contact),
        None if plan.opportunity is None else part("opportunity", plan.opportunity),
    )


def _add_contact_points(scope: Scope, lead: Mapping[str, Any], contact: Mapping[str, Any]) -> None:
    for kind in ("email", "phone"):
        if lead[kind]:
            values = {"record_id": contact["id"], "kind": kind, "value": lead[kind], "is_primary": True}
            create(scope, scope.entity("contact_point"), values)


def _closed(
    scope: Scope,
    lead: Mapping[str, Any],
    account: Mapping[str, Any],
    contact: Mapping[str, Any],
    opportunity: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Note on the lead what has become of it, and move it to the first stage that counts as won."""
    entity = scope.entity("lead")
    values: dict[str, Any] = {}
    places = places_of(scope, "lead")
    now, won = places.by_id.get(lead["stage_id"]), places.first(lead["pipeline_id"], _WON)
    if won is not None and (now is None or now.stage.category != _WON):
        values |= {"stage_id": won.stage.id, "pipeline_id": won.stage.pipeline_id}
        entity.rules.before_update(scope, lead, values)
    values |= {
        "converted_at": scope.uow.now,
        "converted_account_id": account["id"],
        "converted_contact_id": contact["id"],
        "converted_opportunity_id": opportunity["id"] if opportunity else None,
    }
    row, own = {**lead, **values}, PluginValues()
    apply_before_write(scope, entity, Operation.UPDATE, lead, row, own)
    entity.rules.settle(scope, lead, row, None)
    validate(scope, entity, Operation.UPDATE, lead, row, own)
    changed = {name: row[name] for name in row if row[name] != lead[name]}
    return change.rewrite(scope, entity, "convert", Operation.UPDATE, lead, changed, own)
