"""The usual form of what people type into records: what is stored, as opposed to what is compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_ADDRESS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/?#]+)(?P<rest>.*)")
_BARE_HOST: Final = re.compile(r"[^\s/?#@:.]+(\.[^\s/?#@:.]+)+(:[0-9]+)?([/?#].*)?")


def clean_text(text: str) -> str:
    """Return a text without blanks around it and with single blanks inside."""
    return " ".join(text.split())


def clean_email(text: str) -> str:
    """Return an e-mail address in lower case."""
    return clean_text(text).lower()


def clean_website(text: str) -> str:
    """Return a website's address with its scheme, scheme and host in lower case, without a slash that means nothing.

    What is no address is only cleaned as a text: it may be a note that somebody needs.
    """
    text = clean_text(text)
    if " " in text:
        return text
    match = _ADDRESS.fullmatch(f"https://{text}" if _BARE_HOST.fullmatch(text) else text)
    if match is None:
        return text
    host = match["host"] if "@" in match["host"] else match["host"].lower()
    rest = "" if match["rest"] == "/" else match["rest"]
    return f"{match['scheme'].lower()}://{host}{rest}"


_FIELDS: Final[Mapping[str, Mapping[str, Callable[[str], str]]]] = {
    "account": {
        "name": clean_text,
        "legal_name": clean_text,
        "registration_number": clean_text,
        "website": clean_website,
    },
    "contact": {"name": clean_text, "given_name": clean_text, "family_name": clean_text, "title": clean_text},
    "lead": {
        "name": clean_text,
        "company": clean_text,
        "title": clean_text,
        "email": clean_email,
        "phone": clean_text,
        "website": clean_website,
    },
}
_REQUIRED: Final = "name"


def corrections(record_type: str, values: Mapping[str, Any], fields: Collection[str] | None = None) -> dict[str, Any]:
    """Return the fields that are not in their usual form, in that form; with ``fields`` only of those.

    An optional field of blanks only becomes empty. A name of blanks only stays: whether that is allowed is the core's
    decision.
    """
    found: dict[str, Any] = {}
    for field, clean in _FIELDS.get(record_type, {}).items():
        value = values.get(field)
        if not isinstance(value, str) or (fields is not None and field not in fields):
            continue
        better = clean(value) or None
        if better != value and not (better is None and field == _REQUIRED):
            found[field] = better
    return found
