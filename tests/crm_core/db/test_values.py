from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.db.values import is_storable, shown, unstorable


class _Mute:
    def __repr__(self) -> str:
        raise RuntimeError


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_storable_is_text_that_survives(text: str) -> None:
    assert is_storable(text) == (text.encode(errors="ignore").decode() == text and "\0" not in text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ärzte", "'Ärzte'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 99, f"'{'x' * 99}…"),
        (10**100_000, "(int)"),
        (_Mute(), "(_Mute)"),
    ],
    ids=["text", "half a pair", "long", "huge number", "no text"],
)
def test_messages_show_any_value(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([{"a": ("b", "\ud800")}], "contains half of a surrogate pair, no character; remove it"),
        ({"\ud800": 1}, "contains half of a surrogate pair, no character; remove it"),
        ({"a": "b\0"}, "contains a NUL character; remove it"),
        ([-(10**100_000)], "holds a whole number of more than 64 bits; use a decimal or text"),
        ([-(2**63), 2**63 - 1, "é", None, 1.5, True, b"\0", object()], None),
    ],
    ids=["inside", "key", "NUL", "huge number", "good"],
)
def test_what_no_database_keeps_is_found_at_any_depth(value: object, told: str | None) -> None:
    assert unstorable(value) == told


def test_a_look_inside_needs_no_stack() -> None:
    deep: list[object] = ["\ud800"]
    for _ in range(100_000):
        deep = [deep]
    assert unstorable(deep) is not None
