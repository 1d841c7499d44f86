"""The record types of quotes."""

from __future__ import annotations

from crm_core.documents.entities import document_entities
from crm_core.schema import quote, quote_line

QUOTE, QUOTE_LINE = document_entities(quote, quote_line)
