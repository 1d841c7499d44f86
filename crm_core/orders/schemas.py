"""The record types of orders."""

from __future__ import annotations

from crm_core.orders.service import ORDER_LINE_RULES, ORDER_RULES
from crm_core.records.entity import Entity, Parts
from crm_core.schema import sales_order, sales_order_line

SALES_ORDER_LINE = Entity(
    "sales_order_line",
    "sales-order-lines",
    sales_order_line,
    title="description",
    read_only=frozenset({"net"}),
    rules=ORDER_LINE_RULES,
    filled=frozenset({"position"}),
    demanded=frozenset({"quantity"}),
)
SALES_ORDER = Entity(
    "sales_order",
    "sales-orders",
    sales_order,
    title="number",
    rules=ORDER_RULES,
    filled=frozenset({"currency"}),
    parts=Parts("lines", SALES_ORDER_LINE, "document_id"),
    note="With lines, net, tax and total are their sums; without, they are as given.",
)
