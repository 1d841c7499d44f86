"""One form for what people write in many: two values are the same to the guard if their forms are equal.

Every function is pure and idempotent, ignores case and blanks, and returns an empty text where nothing is left.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = ("name", "email", "phone", "domain", "registration")

# Forms of companies, as the words they become here: dots are dropped, so "S.A." is "sa" and "Sp. z o.o." is "sp z oo".
_COMPANY_WORDS: Final = frozenset(
    re.findall(
        r"\S+",
        "ab ag and aps as bv co company corp corporation eg ek ev gbr gmbh haftungsbeschränkt inc incorporated"
        " kft kg kgaa kk limited llc llp lp ltd mbh nv ohg oo oy oyj plc pte pty pvt sa sarl sas se sl sp spa srl"
        " sro ug und z",
    )
)
# Chinese, Japanese and Korean forms, written without a blank; the longer ones first.
_COMPANY_ENDS: Final = ("股份有限公司", "有限责任公司", "有限責任公司", "有限公司", "株式会社", "有限会社", "주식회사")
_SHARED_HOSTS: Final = frozenset({"facebook.com", "instagram.com", "linkedin.com", "x.com", "xing.com", "weibo.com"})
_DROPPED: Final = frozenset(".'\N{RIGHT SINGLE QUOTATION MARK}")
_DOTS: Final = re.compile("[\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH FULL STOP}\N{HALFWIDTH IDEOGRAPHIC FULL STOP}]")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:/*(?=[^0-9])")
_PORT: Final = re.compile(r":[0-9]*$")
_EXTENSION: Final = re.compile(r"ext|x|#|;")
_SHORTEST_PHONE: Final = 6
_LONGEST: Final = 120
_KEPT: Final = 64


class Fingerprint(NamedTuple):
    """One thing by which a record can be recognised."""

    kind: str
    value: str


def fingerprint(kind: str, value: str) -> Fingerprint:
    """Return a fingerprint short enough for every database's index, however long the value is."""
    if len(value) > _LONGEST:
        value = f"{value[:_KEPT]}#{sha256(value.encode('utf-8', 'replace')).hexdigest()[:32]}"
    return Fingerprint(kind, value)


def fold(text: str) -> str:
    """Return a text without differences of case, width and composition."""
    return _until_stable(lambda each: _nfkc(_nfkc(each).casefold()), text)


def person_name(text: str) -> str:
    """Return the words of a name: no punctuation, single blanks."""
    return _until_stable(_words, text)


def company_name(text: str) -> str:
    """Return the words of a company's name without what only says what form of company it is."""
    return _until_stable(lambda each: _without_form(person_name(each)), text)


def email(text: str) -> str:
    """Return an e-mail address in lower case; empty where it has not exactly one @ with text on both sides."""
    address = _until_stable(lambda each: "".join(filter(_visible, fold(each))), text)
    name, _, host = address.partition("@")
    return address if name and host and "@" not in host else ""


def phone(text: str) -> str:
    """Return the digits of a telephone number, with + where it has its country; without an extension.

    00 is read as +, and the (0) that some write behind the country is left out. Numbers shorter than six digits could
    be anybody's and count as none.
    """
    folded = fold(text).strip().removeprefix("tel:").lstrip(" (")
    international = folded.startswith("+")
    if international:
        folded = folded.replace("(0)", "")
    digits = "".join(map(_digit, _EXTENSION.split(folded)[0]))
    if not international and digits.startswith("00"):
        international, digits = True, digits[2:]
    if len(digits) < _SHORTEST_PHONE:
        return ""
    return f"+{digits}" if international else digits


def domain(text: str) -> str:
    """Return the host of a website without www, in its ASCII form; empty where it has none of its own."""
    host = _until_stable(_host, text)
    return "" if host in _SHARED_HOSTS else host


def registration(country: str, number: str) -> str:
    """Return a number of a register with its country: ``de:hrb12345``.

    Where the number begins with its country, as VAT numbers do, the country is not repeated.
    """
    land = _alphanumeric(country)
    digits = _alphanumeric(number)
    while land and digits.startswith(land):
        digits = digits.removeprefix(land)
    return f"{land}:{digits}" if digits else ""


def _until_stable(step: Callable[[str], str], text: str) -> str:
    """Repeat a step until it changes nothing more: dropping one character can make its neighbours combine."""
    while (better := step(text)) != text:
        text = better
    return text


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _words(text: str) -> str:
    return " ".join("".join(map(_word_character, fold(text))).split())


def _word_character(character: str) -> str:
    """Keep letters, marks and digits; drop what joins or abbreviates; everything else parts words."""
    category = unicodedata.category(character)
    if category[0] in "LMN":
        return character
    return "" if character in _DROPPED or category == "Cf" else " "


def _without_form(name: str) -> str:
    words = name.split()
    while len(words) > 1 and words[-1] in _COMPANY_WORDS:
        words.pop()
    shorter = " ".join(words)
    for form in _COMPANY_ENDS:
        shorter = (shorter.removesuffix(form).removeprefix(form)).strip() or shorter
    return shorter


def _visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf"}


def _digit(character: str) -> str:
    """Return the decimal digit of any script, nothing for any other character."""
    value = unicodedata.decimal(character, None)
    return "" if value is None else str(value)


def _host(text: str) -> str:
    folded = _DOTS.sub(".", "".join(filter(_visible, fold(text))))
    address = re.split(r"[/?#\\]", _SCHEME.sub("", folded, count=1) if "://" in folded else folded, maxsplit=1)[0]
    host = _PORT.sub("", address.rpartition("@")[2]).strip(".").removeprefix("www.")
    if "." not in host or ".." in host:
        return ""
    return _ascii(host)


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:  # no host of the public internet, but still equal to itself
        return host


def _alphanumeric(text: str) -> str:
    return _until_stable(lambda each: "".join(filter(str.isalnum, fold(each))), text)
