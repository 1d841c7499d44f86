"""Own REST routes of a plugin (extra ``http``: the models are pydantic's, as FastAPI documents them)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugin_sdk.context import Context

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a route: path parameters, query parameters, and the parsed body."""

    path: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: BaseModel | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One route below ``/api/v1/x/<plugin>``.

    ``permission`` is ``<resource>:<action>`` and is checked before ``handler`` is called; there is no
    route without one. ``response`` documents and validates what the handler returns. The handler runs in
    one transaction, committed when it returns; ``Rejected``, ``NotFound`` and ``NotAllowed`` become the
    core's usual problem answers.
    """

    method: Method
    path: str
    permission: str
    handler: Callable[[Context, Request], Any]
    response: type[BaseModel]
    body: type[BaseModel] | None = None
    summary: str = ""
    status: int = 200
