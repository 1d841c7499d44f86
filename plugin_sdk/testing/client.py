"""A small client of the REST API: what tests say, and a readable error where the server answers otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

__all__ = ["Answer", "Client", "UnexpectedAnswer"]

_API: Final = "/api/v1/"
_SECONDS: Final = 60.0
_LONGEST_BODY: Final = 2000
_OK, _CREATED, _NO_CONTENT = 200, 201, 204


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the server; ``json`` is None where the body is not JSON, ``text`` is the body as it came."""

    status: int
    json: Any
    headers: Mapping[str, str]
    text: str = ""


class UnexpectedAnswer(Exception):
    """The server answered something else than the test asked for; the text holds the problem it reported."""

    def __init__(self, request: str, expected: int, answer: Answer) -> None:
        """Keep the answer and render the problem, issue by issue."""
        self.answer = answer
        super().__init__(f"{request}: answered {answer.status}, expected {expected}; {_problem(answer)}")


class Client:
    """Requests of one actor of one tenant.

    A path that starts with a slash is taken as it is (``/health``); any other is one of the API: ``accounts`` means
    ``/api/v1/accounts``. ``issue_key`` makes the API key of a user with a given role, for ``as_role``.
    """

    def __init__(self, url: str, api_key: str | None = None, issue_key: Callable[[str], str] | None = None) -> None:
        """Open no connection yet; without a key, requests carry none."""
        self.url = url
        self._issue_key = issue_key
        self._roles: dict[str, Client] = {}
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # The environment's proxies and certificates have no say in what goes to a server of our own on this machine.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections, those of ``as_role`` too."""
        for client in self._roles.values():
            client.close()
        self._http.close()

    def as_role(self, role: str) -> Client:
        """Return the client of a user who has just this role; the same one each time."""
        if role not in self._roles:
            if self._issue_key is None:
                raise RuntimeError(f"as_role({role!r}): this client cannot make keys; use that of the fixture `crm`")
            self._roles[role] = Client(self.url, self._issue_key(role))
        return self._roles[role]

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; any status is an answer."""
        where = path if path.startswith("/") else _API + path
        answer = self._http.request(method, where, params=params, headers=headers, json=json)
        return Answer(answer.status_code, _json(answer), dict(answer.headers), answer.text)

    def get(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a GET; any status is an answer."""
        return self.request("GET", path, params=params, headers=headers)

    def post(self, path: str, *, json: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a POST; any status is an answer."""
        return self.request("POST", path, json=json, headers=headers)

    def patch(self, path: str, *, json: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a PATCH; any status is an answer."""
        return self.request("PATCH", path, json=json, headers=headers)

    def delete(self, path: str, *, json: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a DELETE; any status is an answer."""
        return self.request("DELETE", path, json=json, headers=headers)

    def expect(self, status: int, method: str, path: str, **request: Any) -> Any:
        """Send one request and return the JSON of the answer; raise UnexpectedAnswer at any other status."""
        answer = self.request(method, path, **request)
        if answer.status != status:
            raise UnexpectedAnswer(f"{method} {path}", status, answer)
        return answer.json

    def create(self, path: str, **values: Any) -> dict[str, Any]:
        """Create a record and return it: ``create("accounts", name="Ada", plugins={"loyalty": {"tier": "gold"}})``."""
        record: dict[str, Any] = self.expect(_CREATED, "POST", path, json=values)
        return record

    def read(self, path: str, record_id: str) -> dict[str, Any]:
        """Return one record."""
        record: dict[str, Any] = self.expect(_OK, "GET", f"{path}/{record_id}")
        return record

    def update(self, path: str, record_id: str, **values: Any) -> dict[str, Any]:
        """Change fields of a record and return it."""
        record: dict[str, Any] = self.expect(_OK, "PATCH", f"{path}/{record_id}", json=values)
        return record

    def remove(self, path: str, record_id: str) -> None:
        """Delete a record (softly: it can be restored)."""
        self.expect(_NO_CONTENT, "DELETE", f"{path}/{record_id}")

    def list(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        """Return the first page of a list, filtered: ``list("accounts", **{"name[contains]": "A"})``."""
        page: list[dict[str, Any]] = self.expect(_OK, "GET", path, params=filters)["data"]
        return page


def _json(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


def _problem(answer: Answer) -> str:
    """Return what the server says is wrong, as a person would want to read it."""
    body = answer.json
    if not isinstance(body, dict) or "detail" not in body:
        return f"body: {answer.text[:_LONGEST_BODY] or '(empty)'}"
    issues = [issue for issue in body.get("issues") or () if isinstance(issue, dict)]
    lines = [f"{body.get('code', body.get('title', 'problem'))}: {body['detail']}"]
    lines += [
        f"  {issue.get('field') or '(record)'}: {issue.get('message')} ({issue.get('source')})" for issue in issues
    ]
    return "\n".join([*lines, f"request {body.get('request_id', 'unknown')}"])
