"""Record ids: UUIDs of version 7, which sort by the time they were made."""

from __future__ import annotations

import datetime as dt
import os
import threading
import uuid
from time import time_ns

__all__ = ["id_time", "new_id"]

_lock = threading.Lock()
_last_tick = 0
_SUB_MILLISECOND_BITS = 12
_RANDOM_BITS = 62
_RANDOM_BYTES = 8
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << _RANDOM_BITS)


def new_id() -> uuid.UUID:
    """Make an id that sorts after every id made before it in this process.

    The first 60 free bits are a clock of 1/4096 milliseconds. It is moved on by one tick when the system clock stands
    still or goes back, so ids stay in order even then; the other 62 bits are random, so processes never collide.
    """
    global _last_tick  # noqa: PLW0603 - the one piece of state that makes ids monotonic
    random = int.from_bytes(os.urandom(_RANDOM_BYTES), "big") & _RANDOM_MASK
    tick = (time_ns() << _SUB_MILLISECOND_BITS) // 1_000_000
    with _lock:
        tick = max(tick, _last_tick + 1)
        _last_tick = tick
    milliseconds, fraction = tick >> _SUB_MILLISECOND_BITS, tick & ((1 << _SUB_MILLISECOND_BITS) - 1)
    return uuid.UUID(int=(milliseconds << 80) | (fraction << 64) | _VERSION_AND_VARIANT | random)


def id_time(value: uuid.UUID) -> dt.datetime:
    """Tell when an id was made, to the millisecond."""
    if value.version != 7:  # noqa: PLR2004 - the version this module makes
        message = (
            f"id {value} is a UUID of version {value.version}, which carries no time; ids made here have version 7"
        )
        raise ValueError(message)
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=value.int >> 80)
