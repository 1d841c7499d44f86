"""The record types of quotes."""

from __future__ import annotations

from crm_core.quotes.service import QUOTE_LINE_RULES, QUOTE_RULES
from crm_core.records.entity import Entity, Parts
from crm_core.schema import quote, quote_line

QUOTE_LINE = Entity(
    "quote_line",
    "quote-lines",
    quote_line,
    title="description",
    read_only=frozenset({"net"}),
    rules=QUOTE_LINE_RULES,
    filled=frozenset({"position"}),
    demanded=frozenset({"quantity"}),
)
QUOTE = Entity(
    "quote",
    "quotes",
    quote,
    title="number",
    rules=QUOTE_RULES,
    filled=frozenset({"currency"}),
    parts=Parts("lines", QUOTE_LINE, "document_id"),
    note="With lines, net, tax and total are their sums; without, they are as given.",
)
