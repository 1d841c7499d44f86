from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crm_core.isolation.scan import MOST_ITEMS, is_modest

_EACH: list[Any] = [
    *(None, True, 1, 200, 70_000, 2**40, -1, -200, -70_000, -(2**40), 1.5),
    *("a", "a" * 40, "a" * 300, "a" * 70_000, b"", b"b" * 300, b"b" * 70_000, [], [1] * 20, {}, {"a": 1}),
    *(msgspec.msgpack.Ext(5, bytes(size)) for size in (1, 2, 3, 4, 8, 16, 300, 70_000)),
]


def _count(value: Any) -> int:
    if isinstance(value, list):
        return 1 + sum(map(_count, value))
    return 1 + sum(1 + _count(each) for each in value.values()) if isinstance(value, dict) else 1


@pytest.mark.parametrize("value", _EACH, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize(("more", "modest"), [(0, True), (1, False)])
def test_each_value_counts_as_one(value: Any, more: int, modest: bool) -> None:  # noqa: FBT001 - parametrized
    fill = MOST_ITEMS - 1 - _count(value) + more
    frame = msgspec.msgpack.encode([[*[7] * (fill - 1)], value])
    assert is_modest(frame) is modest


def test_a_frame_that_ends_early_is_left_to_the_decoder() -> None:
    assert is_modest(b"\xdb\xff\xff\xff\xff" + bytes(MOST_ITEMS))
    assert is_modest(b"\xdd\xff\xff\xff\xff" + bytes(10))
