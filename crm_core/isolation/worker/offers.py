"""A plugin's routes and scheduled jobs: described to the host as data, and found again when it calls one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crm_core.isolation.protocol import JobData, RouteData
from crm_core.isolation.values import to_tree
from plugin_sdk import Job

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_REFERENCE = "#/components/schemas/{model}"


class WrongResult(Exception):
    """A hook returned something else than it may; the text is that of ``plugin_host.results``."""

    def __init__(self, result: object, expected: str) -> None:
        super().__init__(f"it returned {type(result).__qualname__}, expected is {expected}")


class Offers:
    """What a plugin's hooks ``routes`` and ``scheduled_jobs`` return, asked once."""

    def __init__(self, hooks: Mapping[str, Callable[[], Any]]) -> None:
        self._hooks = hooks
        self._functions: dict[tuple[str, str], Callable[..., Any]] = {}
        self._asked: set[str] = set()

    def describe(self, hook: str) -> list[RouteData | JobData]:
        """Ask a hook and say what it offers."""
        found = self._hooks[hook]()
        self._asked.add(hook)
        return self._jobs(found) if hook == "scheduled_jobs" else self._routes(found)

    def function(self, kind: str, name: str) -> Callable[..., Any]:
        """Return what to call for a route or job by its name."""
        hook = "scheduled_jobs" if kind == "job" else "routes"
        if hook not in self._asked:
            self.describe(hook)
        try:
            return self._functions[kind, name]
        except KeyError:
            message = f"{hook} returned no {kind} {name} this time; return the same ones always"
            raise LookupError(message) from None

    def _jobs(self, found: Any) -> list[RouteData | JobData]:
        expected = "a list of Job, or None"
        described: list[RouteData | JobData] = []
        for job in _each(found, expected):
            if not isinstance(job, Job):
                raise WrongResult(job, expected)
            if not _is_whole(job):
                raise WrongResult(job, f"{expected}; its fields do not have the types the SDK names")
            self._functions["job", job.name] = job.run
            described.append(JobData(job.name, to_tree(job.every), str(job.summary)))
        return described

    def _routes(self, found: Any) -> list[RouteData | JobData]:
        from crm_core.isolation.route_values import answer_of, body_of  # noqa: PLC0415 - pydantic only for routes
        from plugin_sdk.http import Request, Route  # noqa: PLC0415 - as above

        def serving(route: Route) -> Callable[..., bytes]:
            def serve(context: Any, path: Mapping[str, str], query: Mapping[str, str], raw: bytes) -> bytes:
                request = Request(path, query, body_of(route.body, raw))
                return answer_of(route.response, route.handler(context, request))

            return serve

        expected = "a list of Route, or None"
        described: list[RouteData | JobData] = []
        for route in _each(found, expected):
            if not isinstance(route, Route):
                raise WrongResult(route, expected)
            self._functions["route", f"{route.method} {route.path}"] = serving(route)
            described.append(_described(route))
        return described


def _each(found: Any, expected: str) -> Iterable[Any]:
    if found is None:
        return ()
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Iterable):
        raise WrongResult(found, expected)
    return found


def _is_whole(job: Any) -> bool:
    named = isinstance(job.name, str) and job.name
    return bool(named) and callable(job.run) and isinstance(job.every, timedelta) and job.every > timedelta()


def _described(route: Any) -> RouteData:
    return RouteData(
        str(route.method),
        str(route.path),
        str(route.permission),
        str(route.summary),
        route.status,
        str(getattr(route.handler, "__name__", "")),
        _schema(route.response),
        None if route.body is None else _schema(route.body),
    )


def _schema(model: Any) -> bytes:
    return msgspec.json.encode(model.model_json_schema(ref_template=SCHEMA_REFERENCE))
