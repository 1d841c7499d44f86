"""How large an answer of a plugin is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

EACH = 16
"""What the smallest value counts: so that also an endless answer of nothings comes to an end."""


def weight(value: Any, most: int) -> int:
    """Return about how many bytes a value holds; what is more than ``most`` is not looked into any further."""
    try:
        # Ten times as quick as looking into it, for everything that a hook usually returns.
        return EACH + len(_encode(value))
    except Exception:  # noqa: BLE001 - whatever cannot be encoded is counted piece by piece
        return _counted(value, most)


def _counted(value: Any, most: int) -> int:
    total = 0
    left = [value]
    while left and total <= most:
        each = left.pop()
        total += EACH
        if isinstance(each, str | bytes | bytearray):
            total += len(each)
        elif isinstance(each, int):
            total += each.bit_length() // 8
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        elif isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        else:
            left += [getattr(each, name, None) for name in getattr(type(each), "__match_args__", ())]
    return total


def _plain(value: Any) -> Any:
    """Return a mapping of any type as one that can be encoded."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
