"""The record types of orders."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import sales_order, sales_order_line

SALES_ORDER = Entity("sales_order", "sales-orders", sales_order, title="number", read_only=frozenset({"number"}))
SALES_ORDER_LINE = Entity("sales_order_line", "sales-order-lines", sales_order_line, title="description", read_only=frozenset({"net"}))
