"""The rules of quotes."""

from __future__ import annotations

from crm_core.documents.document import DocumentRules
from crm_core.documents.line import LineRules
from crm_core.schema import quote, quote_line

QUOTE_RULES = DocumentRules(quote, quote_line)
QUOTE_LINE_RULES = LineRules(quote, quote_line)
