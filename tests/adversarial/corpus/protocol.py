"""Wrong and forged messages: results of hooks in process, frames of the worker in its own process."""

from __future__ import annotations

import os
import pickle
import struct

from plugin_sdk import Match, Patch

from .registry import attack


def _descriptors():
    """Return the descriptors of sockets this process has; the worker's channel is one of them."""
    found = []
    for number in range(3, 64):
        try:
            if os.fstat(number).st_mode & 0o170000 == 0o140000:
                found.append(number)
        except OSError:
            continue
    return found


def _send(data):
    if not os.environ.get("CRM_DATABASE_URL"):  # in process these would be other people's connections
        for number in _descriptors():
            os.write(number, data)


@attack()
def garbage_frame(ctx, new, facts):
    """Write garbage into the channel."""
    _send(os.urandom(64))


@attack()
def huge_frame(ctx, new, facts):
    """Announce a frame of 4 GB."""
    _send(struct.pack(">I", 0xFFFFFFFF) + b"x")


@attack()
def length_bomb(ctx, new, facts):
    """Send an array that claims 4 billion members."""
    body = b"\xdd\xff\xff\xff\xff"
    _send(struct.pack(">I", len(body)) + body)


@attack()
def nested_frame(ctx, new, facts):
    """Send 100,000 nested arrays."""
    body = b"\x91" * 100_000
    _send(struct.pack(">I", len(body)) + body)


@attack()
def pickled_frame(ctx, new, facts):
    """Send a pickle that runs code where it is read."""

    class Evil:
        def __reduce__(self):
            return (os._exit, (66,))

    body = pickle.dumps(Evil())
    _send(struct.pack(">I", len(body)) + body)


@attack()
def empty_frame(ctx, new, facts):
    """Send a frame without content."""
    _send(struct.pack(">I", 0))


@attack()
def half_frame(ctx, new, facts):
    """Send half a frame and nothing more."""
    _send(struct.pack(">I", 1000) + b"half")
    if not os.environ.get("CRM_DATABASE_URL"):
        while True:
            pass


@attack()
def close_channel(ctx, new, facts):
    """Close the channel."""
    if not os.environ.get("CRM_DATABASE_URL"):
        for number in _descriptors():
            os.close(number)


@attack()
def early_answer(ctx, new, facts):
    """Answer the call before it is over, then answer again."""
    for tag in range(8):
        body = bytes([0x92, tag, 0xC0])
        _send(struct.pack(">I", len(body)) + body)


@attack()
def flood(ctx, new, facts):
    """Flood the channel with small frames."""
    for _ in range(2000):
        _send(struct.pack(">I", 1) + b"\xc0")


@attack("find_duplicates")
def wrong_match(ctx, new, facts):
    """Return matches with fields of wrong types."""
    return [Match("nobody", "high", None, "yes")]


@attack("record_before_write")
def wrong_keys(ctx, new, facts):
    """Return a patch whose keys are no names."""
    return Patch({1: "x", None: "y"})


@attack("record_before_write")
def huge_number(ctx, new, facts):
    """Return a number of 100,000 digits."""
    return Patch({"name": 10**100_000})


@attack("record_before_write")
def not_a_number(ctx, new, facts):
    """Return NaN where money is."""
    from decimal import Decimal

    return Patch({"annual_revenue": Decimal("NaN")})


@attack("record_before_write")
def surrogates(ctx, new, facts):
    """Return text that is no Unicode."""
    return Patch({"name": "\ud800stolen"})


@attack("record_before_write")
def null_byte(ctx, new, facts):
    """Return text with a null byte."""
    return Patch({"name": "a\x00b"})
