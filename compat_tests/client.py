"""Requests to the server of a cell: real HTTP over connections that stay open."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from compat_tests.errors import CellTimeout, ServerGone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Answer", "Client"]

_API: Final = "/api/v1"
_OUTSIDE: Final = ("/health", "/docs", "/openapi.json", "/api/")
_SECONDS: Final = 60.0
_KEPT_HEADERS: Final = ("etag", "location")
_SAFE: Final = "/?&=[]:,.%-_~+@!$'()*;"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, its body as JSON (None where it is none) and the headers that clients rely on."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Client:
    """The actors of one tenant; ``issue_key`` makes the API key of a role when it is first needed."""

    def __init__(self, url: str, keys: Mapping[str, str], issue_key: Callable[[str], str]) -> None:
        self._keys = dict(keys)
        self._issue_key = issue_key
        self._connection = _connection(url)

    def move(self, url: str) -> None:
        """Talk to the server at its new address."""
        self.close()
        self._connection = _connection(url)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def request(
        self, method: str, path: str, *, role: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request; any status is an answer. Paths are below the API unless they name their own place."""
        if role not in self._keys:
            self._keys[role] = self._issue_key(role)
        sent = {"Authorization": f"Bearer {self._keys[role]}", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        where = path if path.startswith(_OUTSIDE) else _API + path
        try:
            self._connection.request(method, quote(where, safe=_SAFE), body=content, headers=sent)
            response = self._connection.getresponse()
            text = response.read()
        except TimeoutError as error:
            self.close()
            raise CellTimeout(f"{method} {path} was not answered within {_SECONDS:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ServerGone(f"{method} {path}: the server did not answer: {error!r}") from error
        kept = {name: value for name in _KEPT_HEADERS if (value := response.headers.get(name))}
        return Answer(response.status, _json(text), kept)


def _connection(url: str) -> http.client.HTTPConnection:
    address = urlsplit(url)
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=_SECONDS)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text.decode("utf-8", "replace")
