from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.plugin_host.payload import weight
from plugin_sdk import Issue, Patch

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals() | st.uuids(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | inner.map(lambda value: MappingProxyType({"": value}))
    ),
    max_leaves=20,
)


@given(_VALUES)
def test_every_value_has_a_weight_that_a_longer_one_exceeds(value: Any) -> None:
    assert 0 < weight(value, 10**9) < weight([value, "x" * 1000], 10**9)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 5000,
        b"x" * 5000,
        "é" * 5000,
        "\ud800" * 5000,
        [object(), "x" * 5000],
        {"a": {"b": ["x" * 5000]}},
        {(1, 2): "x" * 5000},
        Patch({"name": "x" * 5000}),
        Patch(MappingProxyType({"name": "x" * 5000})),
        [Issue("code", "x" * 5000)],
        [10**20_000],
    ],
)
def test_large_values_weigh_what_they_hold(value: Any) -> None:
    assert 5000 <= weight(value, 10**6) < 20_000


def test_what_contains_itself_weighs_too_much() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert weight(endless, 1000) > 1000
