"""The arithmetic of documents: exact decimals, rounded once per line, the same on every database.

A line's net is rounded to the four decimal places amounts are stored with, in the tenant's rounding mode. Sums of
rounded lines need no rounding, so the order of lines never matters and ``total == net + tax`` always holds.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AMOUNTS = ("net", "tax", "total")
_MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
_STEP = Decimal("0.0001")
_HUNDRED = Decimal(100)
# Quantity and price have 19 digits each and the discount 7: no product of the three loses a digit before rounding.
_WIDE = Context(prec=60)


def line_net(quantity: Decimal, unit_price: Decimal, discount_percent: Decimal, rounding: str) -> Decimal:
    """Return what a line comes to after its discount and before tax."""
    gross = _WIDE.multiply(quantity, unit_price)
    exact = _WIDE.divide(_WIDE.multiply(gross, _WIDE.subtract(_HUNDRED, discount_percent)), _HUNDRED)
    return exact.quantize(_STEP, rounding=_MODES[rounding], context=_WIDE)


def sums(lines: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return the amounts of a document with these lines."""
    net = tax = Decimal(0).quantize(_STEP)
    for line in lines:
        net = _WIDE.add(net, line["net"])
        tax = _WIDE.add(tax, line["tax"])
    return {"net": net, "tax": tax, "total": _WIDE.add(net, tax)}


def solved(given: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return all three amounts of a document without lines from those given, so that the total is the sum.

    What is not given follows: the total from net and tax; with a total, the tax where a net is given, else the net.
    """
    amounts = {name: given.get(name, old.get(name)) or Decimal(0) for name in AMOUNTS}
    if "total" not in given:
        amounts["total"] = _WIDE.add(amounts["net"], amounts["tax"])
    elif "net" not in given:
        amounts["net"] = _WIDE.subtract(amounts["total"], amounts["tax"])
    elif "tax" not in given:
        amounts["tax"] = _WIDE.subtract(amounts["total"], amounts["net"])
    return amounts
