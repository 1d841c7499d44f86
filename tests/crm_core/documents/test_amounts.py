from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.documents.amounts import line_net, solved, sums

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

QUANTITIES = st.decimals("0", "9999999999999", places=6)
PRICES = st.decimals("-9999999999999", "9999999999999", places=6)
DISCOUNTS = st.decimals("0", "100", places=4)
MONEY = st.decimals("-100000000", "100000000", places=4)


@given(QUANTITIES, PRICES, DISCOUNTS, st.sampled_from(["half_up", "half_even"]))
def test_a_net_is_the_nearest_amount(quantity: Decimal, price: Decimal, discount: Decimal, rounding: str) -> None:
    exact = Fraction(quantity) * Fraction(price) * (1 - Fraction(discount) / 100)
    net = line_net(quantity, price, discount, rounding)
    assert net.as_tuple().exponent == -4
    assert abs(Fraction(net) - exact) <= Fraction(1, 20000)


@pytest.mark.parametrize(
    ("quantity", "rounding", "net"),
    [
        ("1.00005", "half_up", "1.0001"),
        ("1.00005", "half_even", "1.0000"),
        ("1.00015", "half_up", "1.0002"),
        ("1.00015", "half_even", "1.0002"),
        ("-1.00005", "half_up", "-1.0001"),
        ("-1.00005", "half_even", "-1.0000"),
    ],
)
def test_the_tenants_mode_decides_a_tie(quantity: str, rounding: str, net: str) -> None:
    assert line_net(Decimal(quantity), Decimal(1), Decimal(0), rounding) == Decimal(net)


@given(st.lists(st.fixed_dictionaries({"net": MONEY, "tax": MONEY}), max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_lines_is_irrelevant(lines: list[dict[str, Decimal]], random: Random) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert sums(shuffled) == sums(lines)
    assert sums(lines)["total"] == sum(line["net"] + line["tax"] for line in lines)


@given(
    st.dictionaries(st.sampled_from(["net", "tax"]), MONEY, max_size=2)
    | st.fixed_dictionaries({"total": MONEY}, optional={"net": MONEY})
    | st.fixed_dictionaries({"total": MONEY, "tax": MONEY}),
    MONEY,
    MONEY,
)
def test_what_is_not_given_follows(given_: Mapping[str, Any], net: Decimal, tax: Decimal) -> None:
    amounts = solved(given_, {"net": net, "tax": tax, "total": net + tax})
    assert amounts["total"] == amounts["net"] + amounts["tax"]
    assert {name: amounts[name] for name in given_} == given_
