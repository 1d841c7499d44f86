"""Labels and help texts in several languages."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin_sdk._manifest_reader import Section

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LONGEST: Final = 500

EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


def read_texts(section: Section, key: str, *, required: bool = False) -> Mapping[str, str]:
    """Read a table of language -> text; English is always needed, because every other language falls back to it."""
    if not section.has(key):
        if required:
            section.report(key, "missing", f'write a table of texts, e.g. {key} = {{ en = "Tier" }}')
        return EMPTY
    texts = section.section(key)
    found: dict[str, str] = {}
    for language in texts.data:
        if not _LANGUAGE.fullmatch(language):
            texts.report(language, "not a language code", 'use codes such as "en", "zh" or "pt-BR"')
        else:
            found[language] = texts.line(language, _LONGEST, example='"Tier"')
    if "en" not in texts.data and type(section.data[key]) is dict:
        texts.report("en", "missing", 'add the English text, e.g. en = "Tier"')
    return MappingProxyType(found)
