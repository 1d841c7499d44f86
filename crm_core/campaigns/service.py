"""The members of a campaign: the leads, contacts and accounts it is aimed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete

from crm_core.actors import Grant
from crm_core.campaigns.schemas import CAMPAIGN, MEMBERS
from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import RecordNotFound, Refused
from crm_core.records.anchors import referred
from crm_core.records.read import load_row
from crm_core.records.rows import checked, page_of
from crm_core.records.statements import in_tenant, insert_into
from crm_core.records.traces import audit
from crm_core.schema import campaign_member
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from crm_core.records.scope import Scope

_AIMED_AT = ("account", "contact", "lead")
_INSERT = insert_into(campaign_member)
_REMOVE = Statement(
    delete(campaign_member).where(
        in_tenant(campaign_member.c.tenant_id),
        campaign_member.c.campaign_id == bindparam("campaign_id", type_=campaign_member.c.campaign_id.type),
        campaign_member.c.record_id == bindparam("record_id", type_=campaign_member.c.record_id.type),
    )
)


def members(scope: Scope, campaign_id: UUID, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return one page of a campaign's members; who may see the campaign may see them."""
    load_row(scope, CAMPAIGN, campaign_id, scope.actor.require("campaign", "read"))
    return page_of(scope, MEMBERS, query, {"campaign_id": campaign_id}, Grant())


def add_member(scope: Scope, campaign_id: UUID, given: Mapping[str, Any]) -> dict[str, Any]:
    """Aim a campaign at a record; needs the permission to change the campaign and to see the record."""
    _changeable(scope, campaign_id)
    row = {"responded_at": None, "campaign_id": campaign_id, **checked(MEMBERS, given)}
    entity, _ = referred(scope, "record_id", row["record_id"])
    if entity.record_type not in _AIMED_AT:
        message = f"a campaign is aimed at records of type {', '.join(_AIMED_AT)}, not {entity.record_type}"
        raise Refused([("core", Issue("member_of_other_type", message, field="record_id"))])
    scope.uow.execute(_INSERT, row)
    _trace(scope, "add_member", campaign_id, [None, {"record_id": row["record_id"], "status": row["status"]}])
    return row


def remove_member(scope: Scope, campaign_id: UUID, record_id: UUID) -> None:
    """Take a record out of a campaign."""
    _changeable(scope, campaign_id)
    if not scope.uow.execute(_REMOVE, {"campaign_id": campaign_id, "record_id": record_id}):
        message = f"record {record_id} is no member of campaign {campaign_id}"
        raise RecordNotFound(message, id=str(record_id))
    _trace(scope, "remove_member", campaign_id, [{"record_id": record_id}, None])


def _changeable(scope: Scope, campaign_id: UUID) -> None:
    load_row(scope, CAMPAIGN, campaign_id, scope.actor.require("campaign", "update"))


def _trace(scope: Scope, action: str, campaign_id: UUID, change: list[Any]) -> None:
    scope.uow.stage(RecordWrite(audit(scope.uow, action, "campaign", campaign_id, {"member": change})))
