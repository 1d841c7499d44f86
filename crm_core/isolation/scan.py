"""Count what is in a MessagePack frame without building any of it.

A frame of eight megabytes can hold eight million empty lists, which take sixty times its size once they are built.
Frames from a worker are counted first where they are large enough for that to matter.
"""

from __future__ import annotations

MOST_ITEMS = 200_000
"""How many values one frame may hold; a smaller frame cannot hold more, and is not counted."""

# By the first byte of a value: the bytes of its head, and the bytes of the length that stands behind the first one.
_LENGTH = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_FIXED = {
    **dict.fromkeys((0xCC, 0xD0), 2),
    **dict.fromkeys((0xCD, 0xD1, 0xDC, 0xDE, 0xD4), 3),
    **dict.fromkeys((0xCA, 0xCE, 0xD2, 0xDD, 0xDF), 5),
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 9),
    0xD5: 4,
    0xD6: 6,
    0xD7: 10,
    0xD8: 18,
}
_EXTENSIONS = frozenset({0xC7, 0xC8, 0xC9})
_SHORT_TEXTS = range(0xA0, 0xC0)


def _size(first: int) -> int:
    """Return how many bytes a value takes whose first byte says it all, 0 where a length follows."""
    if first in _LENGTH:
        return 0
    if first in _SHORT_TEXTS:
        return 1 + (first & 0x1F)
    return _FIXED.get(first, 1)


_SIZES = tuple(map(_size, range(256)))


def is_modest(frame: bytes) -> bool:
    """Tell whether a frame holds no more values than it may; of lists and mappings every item counts, and they do."""
    end = len(frame)
    if end <= MOST_ITEMS:
        return True
    at = 0
    for _ in range(MOST_ITEMS):
        first = frame[at]
        size = _SIZES[first]
        if not size:
            width = _LENGTH[first]
            size = 1 + width + int.from_bytes(frame[at + 1 : at + 1 + width], "big") + (first in _EXTENSIONS)
        at += size
        if at >= end:
            return True
    return False
