"""Quotes and sales orders.

A document always has a currency, so its amounts are never empty: zero is what a document without lines comes to. The
lines' amounts are in the document's currency.
"""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import Items, index, json, moment, money, record_table, ref, text, unique
from crm_core.schema.types import Day, Percent, Quantity, Rate, UnitPrice

__all__ = ["quote", "quote_line", "sales_order", "sales_order_line"]


def _document(name: str, origin: str, *, doc: str) -> sa.Table:
    one = sa.text("1")
    parts: list[Items] = [
        text("number", doc="The number people see."),
        sa.Column("revision", sa.Integer, nullable=False, server_default=one, doc="Counts what was sent out."),
        text("status", required=True, default="draft", doc="A key; which may follow which is configuration."),
        ref("account_id", "account"),
        ref("contact_id", "contact"),
        ref("opportunity_id", "opportunity"),
        ref("origin_id", "quote", doc=origin),
        ref("owner_id", "principal", sparse=False, doc="Who is responsible."),
        ref("price_book_id", "price_book", indexed=False),
        text("currency", required=True, doc="The currency of all amounts, three letters of ISO 4217."),
        sa.Column("fx_to_base", Rate, doc="The rate to the tenant's currency, kept as it was on the document's date."),
        sa.Column("document_date", Day),
        money("net", doc="The sum of the lines before tax."),
        money("tax"),
        money("total", doc="What is to be paid."),
        text("terms"),
        json("ship_to"),
        json("bill_to"),
        index("document_date", "id"),
        unique("number", "revision"),
    ]
    own: list[Items] = (
        [sa.Column("valid_until", Day), moment("accepted_at")]
        if name == "quote"
        else [sa.Column("ordered_on", Day, doc="The day the customer ordered.")]
    )
    return record_table(name, *parts, *own, doc=doc)


def _lines(name: str, document: str, *, doc: str) -> sa.Table:
    zero = sa.text("0")
    parts: list[Items] = [
        sa.Column("position", sa.Integer, nullable=False, doc="The order on the document."),
        sa.Column("quantity", Quantity, nullable=False, server_default=sa.text("0")),
        sa.Column("unit_price", UnitPrice, nullable=False, server_default=zero),
        sa.Column("discount_percent", Percent, nullable=False, server_default=zero),
    ]
    return record_table(
        name,
        ref("document_id", document, required=True, indexed=False),
        ref("product_id", "product"),
        text("description"),
        text("unit", doc="What one of it is, such as piece or hour."),
        *parts,
        money("net", doc="After the discount and before tax."),
        text("tax_code"),
        money("tax"),
        index("document_id", "position"),
        doc=doc,
        listed=False,
    )


quote = _document("quote", "The quote this one replaces.", doc="An offer to a customer.")
quote_line = _lines("quote_line", "quote", doc="One line of a quote.")
sales_order = _document("sales_order", "The quote the order came from.", doc="What a customer ordered.")
sales_order_line = _lines("sales_order_line", "sales_order", doc="One line of a sales order.")
