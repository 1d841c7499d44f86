"""What is sold, and for how much."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import flag, index, record_table, ref, text, unique
from crm_core.schema.types import Day, Quantity, UnitPrice

__all__ = ["price", "price_book", "product"]

product = record_table(
    "product",
    text("sku", doc="The article number."),
    text("name", required=True),
    text("kind", doc="A key such as goods or service."),
    text("unit", doc="What one of it is, such as piece or hour."),
    text("tax_code"),
    flag("active", default=True),
    text("description"),
    index("name", "id"),
    unique("sku"),
    doc="Something that can be sold.",
)

price_book = record_table(
    "price_book",
    text("book_key", required=True, doc="The short name used in configuration."),
    text("name", required=True),
    text("currency", required=True, doc="The currency of its prices, three letters of ISO 4217."),
    sa.Column("valid_from", Day),
    sa.Column("valid_to", Day, doc="The last day it is valid."),
    flag("active", default=True),
    unique("book_key"),
    doc="A set of prices in one currency.",
    listed=False,
)

price = record_table(
    "price",
    ref("price_book_id", "price_book", required=True, indexed=False),
    ref("product_id", "product", required=True),
    sa.Column(
        "min_quantity", Quantity, nullable=False, server_default=sa.text("0"), doc="Holds from this quantity on."
    ),
    sa.Column("unit_price", UnitPrice, nullable=False, doc="In the price book's currency."),
    unique("price_book_id", "product_id", "min_quantity"),
    doc="The price of a product from a quantity on.",
    listed=False,
)
