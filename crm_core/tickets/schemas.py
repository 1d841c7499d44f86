"""The record types of tickets."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import ticket
from crm_core.tickets.service import TicketRules

TICKET = Entity(
    "ticket",
    "tickets",
    ticket,
    title="subject",
    read_only=frozenset({"number", "stage_since"}),
    rules=TicketRules("ticket"),
    number_series="ticket",
)
