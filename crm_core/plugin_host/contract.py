"""Whether a plugin's functions fit the contract: every deviation is named, none is left to be found by silence."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import TYPE_CHECKING

from plugin_sdk import HOOKS, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from crm_core.isolation.inspection import Implementation
    from crm_core.plugin_host.isolated import RemoteRoute
    from plugin_sdk import Job, Manifest
    from plugin_sdk.http import Route

    AnyRoute: TypeAlias = Route | RemoteRoute

_PATH = re.compile(r"(/([a-z0-9][a-z0-9_-]*|\{[a-z][a-z0-9_]*\}))+", re.ASCII)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_SUCCESS = range(200, 300)
_PERMISSION = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*", re.ASCII)


class Unusable(Exception):
    """A plugin that is refused, with everything found wrong."""

    def __init__(self, found: Iterable[str]) -> None:
        """Keep what was found."""
        self.problems = tuple(found)
        super().__init__("; ".join(self.problems))


def problems(implementations: Iterable[Implementation], manifest: Manifest) -> Iterator[str]:
    """Name everything in a module that does not fit the hooks of the SDK, or the manifest."""
    found: Counter[str] = Counter()
    for implementation in implementations:
        hook = implementation.hook
        found[hook] += 1
        if hook in HOOKS:
            yield from _option_problems(implementation)
            yield from _argument_problems(implementation)
        else:
            yield f"implements the unknown hook {hook}{_meant(hook, HOOKS)}"
    for hook in sorted(name for name, count in found.items() if count > 1):
        yield f"implements {hook} more than once; mark one function with @hookimpl"
    for hook in sorted(found.keys() & HOOKS.keys() - manifest.hooks.keys()):
        yield f"implements {hook} without declaring it; add [hooks.{hook}] to crm-plugin.toml"
    for hook in sorted(manifest.hooks.keys() - found.keys()):
        yield f"declares {hook} but does not implement it; remove [hooks.{hook}] or mark the function with @hookimpl"
    yield from _declaration_problems(manifest)


def _meant(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {close[0]}?" if close else "; see the list of hooks in the SDK guide"


def _option_problems(implementation: Implementation) -> Iterator[str]:
    hook = implementation.hook
    if implementation.wraps:
        yield f"wraps {hook}; wrappers are not part of the contract, return a patch or issues instead"
    if implementation.ordered:
        yield f"orders {hook} by tryfirst/trylast; declare before/after in [hooks.{hook}] instead"


def _argument_problems(implementation: Implementation) -> Iterator[str]:
    # Defaults make no difference here: pluggy would never pass such an argument, and nobody would notice.
    hook = implementation.hook
    allowed = HOOKS[hook].arguments
    told = ", ".join(allowed) or "none"
    if implementation.asynchronous:
        yield f"{hook} is an async function; hooks are plain functions, remove async"
    for parameter in implementation.parameters:
        if not parameter.plain:
            yield f"{hook} takes {parameter.text}; name the arguments it uses, there are: {told}"
        elif parameter.name not in allowed:
            yield f"{hook} takes the unknown argument {parameter.name}; there are: {told}"


def _declaration_problems(manifest: Manifest) -> Iterator[str]:
    for hook, spec in sorted(manifest.hooks.items()):
        definition = HOOKS.get(hook)
        if definition is None:
            continue
        if spec.priority is not None and definition.rule is not Rule.FOLD:
            yield (f"declares on_conflict_priority for {hook}, which merges nothing; remove it from [hooks.{hook}]")
        if spec.record_types is not None and not definition.by_record_type:
            yield f"declares record_types for {hook}, which is about no record; remove them from [hooks.{hook}]"


def job_problems(jobs: Iterable[Job]) -> list[str]:
    """Name what is wrong with a plugin's jobs."""
    counted = Counter(job.name for job in jobs)
    return [f"scheduled_jobs: two jobs are named {name}; rename one" for name, count in counted.items() if count > 1]


def handler_name(route: AnyRoute) -> str:
    """Return the name of a route's function; empty for one that has none."""
    handler = getattr(route, "handler", None)
    return str(getattr(handler, "__name__", "") if handler is not None else getattr(route, "name", ""))


def route_problems(routes: Iterable[AnyRoute]) -> list[str]:
    """Name what is wrong with a plugin's routes."""
    found = []
    for route in routes:
        where = f"routes: {route.method} {route.path}"
        if route.method not in _METHODS:
            found.append(f"{where}: method {route.method!r}; there are {', '.join(sorted(_METHODS))}")
        if not _PATH.fullmatch(route.path):
            found.append(f"{where}: not a path; write it like /ledger/{{account_id}}")
        if not _PERMISSION.fullmatch(route.permission):
            found.append(f"{where}: permission {route.permission!r}; write <resource>:<action>, e.g. account:read")
        if not handler_name(route).isidentifier():
            found.append(f"{where}: the handler's name {handler_name(route)!r}; routes are named by it, write a def")
        if type(route.status) is not int or route.status not in _SUCCESS:
            found.append(f"{where}: status {route.status!r}; answer a number from 200 to 299")
    counted = Counter((route.method, route.path) for route in routes)
    found += [f"routes: {method} {path} is there twice; remove one" for (method, path), n in counted.items() if n > 1]
    return found
