"""Take out of answers what two databases may differ in: ids, moments, request ids, cursors and numbers of series."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from typing import Any

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Only moments of this run: those a test has sent must come back digit by digit.
_YEAR = dt.datetime.now(dt.UTC).year
_MOMENT = re.compile(rf"{_YEAR}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z| UTC|\+00:00)?")
_TODAY = re.compile(rf"{_YEAR}-\d\d-\d\d")
# A rolled back operation returns its numbers to the series on SQLite only, so the digits may differ.
_NUMBER = re.compile(r"\b(?P<series>[A-Z]{1,4}-)\d{4,}\b")
_REQUEST = re.compile(r"\brequest id [0-9a-f]{32}\b")
_DROPPED = frozenset({"request_id"})


class Masks:
    """The masks of one database; equal things get equal names, in the order in which they appear."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        """Return a JSON value without what may differ."""
        if isinstance(value, dict):
            return {self._text(key): self._member(key, item) for key, item in value.items() if key not in _DROPPED}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _member(self, key: str, value: Any) -> Any:
        if key == "next_cursor" and value is not None:
            return self.of(json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))))
        return self.of(value)

    def _text(self, text: str) -> str:
        text = _ID.sub(lambda match: self._ids.setdefault(match[0], f"<id {len(self._ids)}>"), text)
        text = _REQUEST.sub("request id <request>", text)
        text = _TODAY.sub("<today>", _MOMENT.sub("<moment>", text))
        return _NUMBER.sub(lambda match: f"{match['series']}<number>", text)


def differences(one: Any, other: Any, path: str = "$") -> list[str]:
    """Return where two masked values differ, one line each."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [
            line
            for key in keys
            for line in differences(one.get(key, "(missing)"), other.get(key, "(missing)"), f"{path}.{key}")
        ]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for place, (a, b) in pairs for line in differences(a, b, f"{path}[{place}]")]
    same = type(one) is type(other) and one == other
    return [] if same else [f"{path}: {one!r} on SQLite, {other!r} on PostgreSQL"]
