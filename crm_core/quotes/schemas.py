"""The record types of quotes."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import quote, quote_line

QUOTE = Entity("quote", "quotes", quote, title="number", read_only=frozenset({"number", "tax"}))
QUOTE_LINE = Entity("quote_line", "quote-lines", quote_line, title="description", read_only=frozenset({"net"}))
