"""API keys: made once, shown once, stored as a hash, found by their readable prefix."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

_PREFIX_BYTES = 6
_SECRET_BYTES = 24


class NewKey(NamedTuple):
    """A key just made: ``text`` is shown to its owner and then forgotten."""

    text: str
    prefix: str
    hash: str


def make_key() -> NewKey:
    """Return a new random key ``crm_<prefix>_<secret>``.

    The secret carries 192 random bits, so a plain SHA-256 of it cannot be searched; a slow hash would
    only slow down every request.
    """
    prefix = secrets.token_hex(_PREFIX_BYTES)
    text = f"crm_{prefix}_{secrets.token_hex(_SECRET_BYTES)}"
    return NewKey(text, prefix, hash_of(text))


def hash_of(text: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def prefix_of(text: str) -> str | None:
    """Return the prefix a key is found by, None if the text is not shaped like a key."""
    parts = text.split("_")
    well_formed = len(parts) == 3 and parts[0] == "crm" and len(parts[1]) == 2 * _PREFIX_BYTES  # noqa: PLR2004
    return parts[1] if well_formed else None


def matches(text: str, stored: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_of(text), stored)
