"""What lines take from products and price books when callers leave it out."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, select

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.errors import Refused
from crm_core.records.parts import located
from crm_core.records.statements import in_tenant
from crm_core.schema import price, price_book, product
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from crm_core.records.scope import Scope

_PRODUCTS = Statement(
    select(product.c.id, product.c.name, product.c.description, product.c.unit, product.c.tax_code).where(
        in_tenant(product.c.tenant_id), is_in(product.c.id, "products"), product.c.deleted_at.is_(None)
    )
)
_PRICES = Statement(
    select(price.c.product_id, price.c.min_quantity, price.c.unit_price, price_book.c.currency)
    .join(price_book, and_(price_book.c.tenant_id == price.c.tenant_id, price_book.c.id == price.c.price_book_id))
    .where(
        in_tenant(price.c.tenant_id),
        price.c.price_book_id == bindparam("book", type_=price.c.price_book_id.type),
        is_in(price.c.product_id, "products"),
        price.c.deleted_at.is_(None),
        price_book.c.deleted_at.is_(None),
    )
)


def fill_lines(scope: Scope, lines: Sequence[dict[str, Any]], document: Mapping[str, Any], *, nested: bool) -> None:
    """Give lines with a product its description, unit and tax code, and the price book's price.

    Two statements for any number of lines. A product without a price is an error: nobody sells for nothing unasked.
    """
    wanted = {line["product_id"] for line in lines if line.get("product_id") is not None}
    if not wanted:
        return
    products = {row[0]: row for row in scope.uow.fetch(_PRODUCTS, {"products": list(wanted)})}
    for line in lines:
        found = products.get(line.get("product_id"))
        if found is not None:
            _, name, description, unit, tax_code = found
            for field, value in (("description", description or name), ("unit", unit), ("tax_code", tax_code)):
                line.setdefault(field, value)
    unpriced = {line["product_id"] for line in lines if line.get("product_id") in products and "unit_price" not in line}
    prices = _prices(scope, document["price_book_id"], unpriced)
    for index, line in enumerate(lines):
        if line.get("product_id") in unpriced and "unit_price" not in line:
            with located("lines", index) if nested else nullcontext():
                line["unit_price"] = _price(line, document, prices.get(line["product_id"], []))


def _prices(scope: Scope, book: UUID | None, products: set[UUID]) -> dict[UUID, list[Sequence[Any]]]:
    if book is None or not products:
        return {}
    found: dict[UUID, list[Sequence[Any]]] = {}
    for row in scope.uow.fetch(_PRICES, {"book": book, "products": list(products)}):
        found.setdefault(row[0], []).append(row)
    return found


def _price(line: Mapping[str, Any], document: Mapping[str, Any], prices: Sequence[Sequence[Any]]) -> Decimal:
    """Return the price with the largest minimum quantity that the line reaches."""
    quantity = line.get("quantity") or Decimal(0)
    reached = [row for row in prices if row[1] <= quantity]
    if not reached:
        raise _refused("no_price", _no_price(line, document))
    best = max(reached, key=lambda row: row[1])
    if best[3] != document["currency"]:
        message = (
            f"the price book's currency is {best[3]} and the document's is {document['currency']}; "
            "send unit_price, or use a price book in the document's currency"
        )
        raise _refused("currency_mismatch", message)
    unit_price: Decimal = best[2]
    return unit_price


def _no_price(line: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if document["price_book_id"] is None:
        return "the document has no price book to take the price from; send unit_price, or set price_book_id"
    return (
        f"price book {document['price_book_id']} has no price for product {line['product_id']} "
        f"and quantity {line.get('quantity') or 0}; add one, or send unit_price"
    )


def _refused(code: str, message: str) -> Refused:
    return Refused([("core", Issue(code, message, field="unit_price"))])
