"""The record types of products."""

from __future__ import annotations

from crm_core.records.entity import Entity
from crm_core.schema import price, price_book, product

PRODUCT = Entity("product", "products", product)
PRICE_BOOK = Entity("price_book", "price-books", price_book)
PRICE = Entity("price", "prices", price, title="unit_price")
