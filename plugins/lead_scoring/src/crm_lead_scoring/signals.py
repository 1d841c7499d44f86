"""What about a lead counts: the plain facts that scoring adds up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crm_lead_scoring.rules import Rules

_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Signals:
    """The facts; ``source``, ``stage`` and ``title_keyword`` are in lower case, None where there is none."""

    company_email: bool = False
    phone: bool = False
    company: bool = False
    website: bool = False
    title_keyword: str | None = None
    source: str | None = None
    stage: str | None = None
    activities: int = 0


def read_signals(lead: Mapping[str, Any], rules: Rules, *, stage: str | None = None, activities: int = 0) -> Signals:
    """Return the signals of a lead's fields, with the key of its stage and the number of its activities."""
    return Signals(
        company_email=is_company_email(_text(lead, "email"), rules.free_mail_domains),
        phone=bool(_text(lead, "phone")),
        company=bool(_text(lead, "company")),
        website=bool(_text(lead, "website")),
        title_keyword=find_keyword(_text(lead, "title"), rules.title_keywords),
        source=_text(lead, "source").casefold() or None,
        stage=stage.casefold() if stage else None,
        activities=activities,
    )


def is_company_email(email: str, free_mail_domains: Iterable[str]) -> bool:
    """Tell whether an address is at a domain of its own, not at or below that of a free mail service."""
    name, _, domain = email.casefold().rpartition("@")
    if not name or "." not in domain.strip("."):
        return False
    return not any(domain == free or domain.endswith(f".{free}") for free in free_mail_domains)


def find_keyword(title: str, keywords: Iterable[str]) -> str | None:
    """Return the first keyword that the title contains.

    A keyword of ASCII letters must be a whole word, so that "cto" is not found in "director". Any other may be part of
    a word: Chinese has no spaces and German joins words.
    """
    folded = title.casefold()
    words = f" {' '.join(_WORD.findall(folded))} "
    for keyword in keywords:
        if f" {keyword} " in words or (not keyword.isascii() and keyword in folded):
            return keyword
    return None


def _text(lead: Mapping[str, Any], field: str) -> str:
    return str(lead.get(field) or "").strip()
