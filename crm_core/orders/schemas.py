"""The record types of orders."""

from __future__ import annotations

from crm_core.documents.entities import document_entities
from crm_core.schema import sales_order, sales_order_line

SALES_ORDER, SALES_ORDER_LINE = document_entities(sales_order, sales_order_line)
