"""Values as both databases can keep them, and as messages show them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["is_storable", "is_unicode", "shown", "unstorable"]

_LONGEST = 100
_INT64 = 2**63


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8, which has no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_storable(text: str) -> bool:
    """Tell whether both databases can keep a text; PostgreSQL has no NUL."""
    return "\0" not in text and is_unicode(text)


def unstorable(value: object) -> str | None:
    """Say why no database can keep a value, or something in it; None if one can, as far as its kind tells."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            if not is_storable(each):
                return _reason(each)
        elif isinstance(each, int):
            if not -_INT64 <= each < _INT64:
                return "holds a whole number of more than 64 bits; use a decimal or text"
        elif isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            left += each
    return None


def _reason(text: str) -> str:
    return f"contains {'a NUL character' if chr(0) in text else 'half of a surrogate pair, no character'}; remove it"


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length, whatever it is and however large."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a plugin's __repr__ may raise anything, and long numbers have none
        text = f"({type(value).__qualname__})"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
