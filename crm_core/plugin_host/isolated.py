"""Load a plugin whose code never runs in this process: everything known of it is data that its worker has sent.

Nothing of that data is believed further than it can be checked here. A worker may say that it implements a hook it does
not have: then calling it fails, like any call that fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_core.isolation.protocol import JobData, RouteData
from crm_core.isolation.remote import RemoteFunction, RemotePlugin, WorkerFailed
from crm_core.isolation.spec import WorkerSpec
from crm_core.isolation.values import EncodeError, from_tree, to_tree
from crm_core.plugin_host import contract
from crm_core.plugin_host.contract import Unusable
from crm_core.plugin_host.results import checked
from crm_core.plugin_host.tiers import required_walls
from plugin_sdk import HOOKS, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crm_core.isolation.inspection import Implementation
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.settings import Settings
    from plugin_sdk import Context, Manifest

_LARGEST_SCHEMA = 256 * 1024
_LONGEST_NAME = 100
_LONGEST_TEXT = 1000
_MOST_TEXTS = 2000


@dataclass(frozen=True, slots=True)
class RemoteRoute:
    """A route that a worker serves; ``answer`` and ``body`` are JSON schemas, its models stay there."""

    method: str
    path: str
    permission: str
    summary: str
    status: int
    name: str
    answer: Mapping[str, Any]
    body: Mapping[str, Any] | None
    function: RemoteFunction

    def serve(self, context: Context, path: Mapping[str, str], query: Mapping[str, str], raw: bytes) -> bytes:
        """Return the answer as JSON: the worker has checked the body and the answer against its models."""
        content = self.function(context, dict(path), dict(query), raw)
        if not isinstance(content, bytes):
            raise WorkerFailed(f"its worker answered {self.method} {self.path} with something else than JSON")
        _json(content, f"the answer of {self.method} {self.path}")
        return content


def start(plugin: Discovered, manifest: Manifest, settings: Settings) -> RemotePlugin:
    """Start a worker with the plugin's module; raises Unusable with the reason why that does not go."""
    if plugin.package is None:
        raise Unusable([f"{plugin.module} is in no folder that a worker could read; install the plugin as a package"])
    spec = WorkerSpec(
        plugin=plugin.id,
        paths=(str(plugin.package.parent),),
        memory_bytes=settings.worker_memory_bytes,
        require=required_walls(settings),
    )
    try:
        remote = RemotePlugin.start(spec, label=plugin.label, module=plugin.module)
    except (WorkerFailed, OSError) as error:
        raise Unusable([str(error)]) from error
    problems = _immodest(remote.implementations) or list(contract.problems(remote.implementations, manifest))
    if problems:
        remote.close()
        raise Unusable(problems)
    return remote


def _immodest(implementations: Sequence[Implementation]) -> list[str]:
    """Return what is wrong with a description that would keep the host busy: whatever a worker sends, it may lie."""
    texts = [text for each in implementations for text in (each.attribute, each.hook)]
    texts += [text for each in implementations for one in each.parameters for text in (one.name, one.text)]
    longest = max(map(len, texts), default=0)
    if longest > _LONGEST_TEXT:
        return [f"its hooks are described with a text of {longest} characters; {_LONGEST_TEXT} are read"]
    if len(texts) > _MOST_TEXTS:
        return [f"its hooks are described with {len(texts)} texts; {_MOST_TEXTS} are read"]
    return []


def arguments(implementation: Implementation) -> tuple[str, ...]:
    """Return the arguments of a hook as the core passes them: the context first, to know whose call it is."""
    taken = tuple(name for name in implementation.arguments if name != "ctx")
    return ("ctx", *taken) if "ctx" in HOOKS[implementation.hook].arguments else taken


def asked(remote: RemotePlugin, hook: str, given: Sequence[Any]) -> Sequence[Any]:
    """Return what a hook of the point ``load`` answers, checked as that of a plugin in this process."""
    if hook == "plugin_check":
        return checked(hook, remote.ask_at_load(hook, given)) or ()
    described = remote.describe(hook)
    if hook == "scheduled_jobs":
        return [_job(remote, each) for each in described if isinstance(each, JobData)]
    return [_route(remote, each) for each in described if isinstance(each, RouteData)]


def _job(remote: RemotePlugin, data: JobData) -> Job:
    job = Job(data.name, from_tree(data.every), RemoteFunction(remote, "job", data.name), data.summary)
    return checked("scheduled_jobs", [job])[0]  # type: ignore[no-any-return]


def _route(remote: RemotePlugin, data: RouteData) -> RemoteRoute:
    where = f"{data.method} {data.path}"
    return RemoteRoute(
        data.method,
        data.path,
        data.permission,
        data.summary,
        data.status,
        data.name[:_LONGEST_NAME],
        _schema(data.answer, where),
        None if data.body is None else _schema(data.body, where),
        RemoteFunction(remote, "route", where),
    )


def _schema(data: bytes, where: str) -> dict[str, Any]:
    """Return a JSON schema that does no harm in the OpenAPI document: an object, small and not deep."""
    what = f"the schema of {where}"
    if len(data) > _LARGEST_SCHEMA:
        raise WorkerFailed(f"{what} has {len(data)} bytes; at most {_LARGEST_SCHEMA} are served")
    schema = _json(data, what)
    parts = schema.get("$defs", {}) if isinstance(schema, dict) else None
    if not isinstance(parts, dict) or not all(isinstance(part, dict) for part in parts.values()):
        raise WorkerFailed(f"{what} is not an object with objects as parts")
    return dict(schema)


def _json(data: bytes, what: str) -> Any:
    try:
        value = json.loads(data)
        to_tree(value)
    except (ValueError, RecursionError, EncodeError) as error:
        raise WorkerFailed(f"{what} is no JSON that can be sent on: {str(error)[:200]}") from None
    return value
