"""Database URLs: what is wrong with one, and how one is shown to people, which is without its password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SQLITE = "sqlite://"
_FORMS = "write sqlite:///<file> or postgresql://<user>:<password>@<host>/<database>"
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")
_PASSWORD = re.compile(r"(?i)(\w*pass\w*=)[^&]*")
_NO_PORT = re.compile(r"^([^:/?\[]*):(?!\d+([,/?]|$))[^/?]*")
_HIDDEN = "***"


def shown(url: str) -> str:
    """Return the URL as anybody may see it. Of one that cannot be read, rather too much is hidden than too little."""
    if url.startswith(_SQLITE):
        return url
    scheme, mark, rest = url.rpartition("://")
    user, at, place = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    place = _PASSWORD.sub(rf"\1{_HIDDEN}", place if at else _NO_PORT.sub(rf"\1:{_HIDDEN}", place))
    return f"{scheme}{mark}{name}{colon and f':{_HIDDEN}'}{at}{place}"


def problem_of(url: str) -> str | None:
    """Return why no database can be opened by the URL, and what to write; None if it can be tried."""
    if url.startswith(f"{_SQLITE}/"):
        return None
    if not url.startswith("postgresql://"):
        return f"database URL {shown(url)!r}: {_FORMS}"
    try:
        place = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        place = "["
    if all(_HOST.fullmatch(each) for each in place.split(",")) and ("@" in urlsplit(url).netloc or "@" not in url):
        return None
    return (
        f"database URL {shown(url)!r}: its host cannot be told from the rest;"
        " in a password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and [ as %5B"
    )
