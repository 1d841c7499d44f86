"""The rules of orders."""

from __future__ import annotations

from crm_core.documents.document import DocumentRules
from crm_core.documents.line import LineRules
from crm_core.schema import sales_order, sales_order_line

ORDER_RULES = DocumentRules(sales_order, sales_order_line)
ORDER_LINE_RULES = LineRules(sales_order, sales_order_line)
