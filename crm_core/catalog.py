"""Every record type of the core, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from crm_core.accounts.schemas import ACCOUNT
from crm_core.activities.schemas import ACTIVITY
from crm_core.campaigns.schemas import CAMPAIGN
from crm_core.contacts.schemas import CONTACT, CONTACT_POINT
from crm_core.identity.schemas import PRINCIPAL
from crm_core.leads.schemas import LEAD
from crm_core.opportunities.schemas import OPPORTUNITY
from crm_core.orders.schemas import SALES_ORDER, SALES_ORDER_LINE
from crm_core.pipelines.schemas import PIPELINE, STAGE
from crm_core.products.schemas import PRICE, PRICE_BOOK, PRODUCT
from crm_core.quotes.schemas import QUOTE, QUOTE_LINE
from crm_core.relations.schemas import ATTACHMENT, TAG
from crm_core.tickets.schemas import TICKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.records.entity import Entity

CATALOG: Mapping[str, Entity] = MappingProxyType(
    {
        entity.record_type: entity
        for entity in (
            PRINCIPAL,
            ACCOUNT,
            CONTACT,
            CONTACT_POINT,
            LEAD,
            PIPELINE,
            STAGE,
            OPPORTUNITY,
            ACTIVITY,
            PRODUCT,
            PRICE_BOOK,
            PRICE,
            QUOTE,
            QUOTE_LINE,
            SALES_ORDER,
            SALES_ORDER_LINE,
            TICKET,
            CAMPAIGN,
            ATTACHMENT,
            TAG,
        )
    }
)
