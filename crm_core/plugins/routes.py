"""The routes of plugins, and those that plugins serve themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter

from crm_core.errors import CrmError, InvalidInput, RecordNotFound
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.isolation.failures import BodyProblem
from crm_core.isolation.route_values import answer_of, body_of
from crm_core.plugin_api.errors import from_sdk_error
from crm_core.plugin_host.contract import handler_name
from crm_core.plugin_host.guard import failed
from crm_core.plugin_host.isolated import RemoteRoute
from crm_core.plugins import listing, metrics, service
from crm_core.plugins.resume import resume
from plugin_sdk import SdkError
from plugin_sdk.http import Request as PluginRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from crm_core.records.scope import Scope
    from plugin_sdk import Context
    from plugin_sdk.http import Route

    AnyRoute: TypeAlias = Route | RemoteRoute

_TAG = "plugins"


class PluginHealth(msgspec.Struct):
    """How a plugin does for this tenant; nothing for one that has never failed."""

    breaker: str
    since: str | None
    until: str | None
    recent_failures: int
    openings: int
    failures: int
    hook: str | None
    reason: str | None
    request_id: str | None
    failed_at: str | None


class PluginStatus(msgspec.Struct):
    """A plugin of the installation and whether this tenant uses it."""

    id: str
    name: str
    summary: str
    version: str | None
    package_version: str | None
    state: str
    sentence: str
    reason: str | None
    tier: str | None
    tier_reason: str | None
    enabled: bool
    settings: dict[str, Any]
    health: PluginHealth | None


class PluginStatusPage(msgspec.Struct):
    """All plugins of the installation."""

    data: list[PluginStatus]


class EnableRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Settings to enable a plugin with; left out, those of the last time."""

    settings: dict[str, Any] | None = None


class EnableAnswer(msgspec.Struct):
    """What the plugins had to say about enabling it."""

    warnings: list[str]


class ResumeAnswer(msgspec.Struct):
    """Whether anything was held against the plugin, and how many events have waited for it."""

    resumed: bool
    deliveries: int


class SettingsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Settings to change; null brings one back to its default."""

    settings: dict[str, Any]


def _list(scope: Scope, _: Call) -> Answer:
    return Answer.of({"data": listing.of_tenant(scope)})


def _enable(scope: Scope, call: Call) -> Answer:
    return Answer.of({"warnings": service.enable(scope, call.path["plugin"], call.body.settings)})


def _disable(scope: Scope, call: Call) -> Answer:
    service.disable(scope, call.path["plugin"])
    return Answer.nothing()


def _resume(scope: Scope, call: Call) -> Answer:
    return Answer.of(resume(scope, call.path["plugin"]))


def _metrics(scope: Scope, _: Call) -> Answer:
    return Answer(metrics.metrics(scope).encode(), headers={"content-type": metrics.CONTENT_TYPE})


def _settings(scope: Scope, call: Call) -> Answer:
    service.change_settings(scope, call.path["plugin"], call.body.settings)
    return Answer.nothing()


def _router() -> APIRouter:
    router = APIRouter(prefix="/plugins")
    add_route(router, "GET", "", _list, Documentation("list_plugins", _TAG, "List plugins", answer=PluginStatusPage))
    add_route(
        router, "POST", "/{plugin}/enable", _enable,
        Documentation("enable_plugin", _TAG, "Enable for this tenant", body=EnableRequest, answer=EnableAnswer),
    )  # fmt: skip
    add_route(
        router, "POST", "/{plugin}/disable", _disable,
        Documentation("disable_plugin", _TAG, "Disable for this tenant; data stays", status=204),
    )  # fmt: skip
    add_route(
        router, "POST", "/{plugin}/resume", _resume,
        Documentation("resume_plugin", _TAG, "Call it again after it has failed too often", answer=ResumeAnswer),
    )  # fmt: skip
    add_route(
        router, "PATCH", "/{plugin}/settings", _settings,
        Documentation("change_plugin_settings", _TAG, "Change some settings", body=SettingsRequest, status=204),
    )  # fmt: skip
    return router


def _metrics_router() -> APIRouter:
    router = APIRouter(prefix="/metrics")
    add_route(
        router, "GET", "", _metrics,
        Documentation("read_metrics", _TAG, "Read how plugins do, in Prometheus' text format", text=True),
    )  # fmt: skip
    return router


ROUTERS = (_router(), _metrics_router())


def plugin_routers(routes: Mapping[str, Sequence[AnyRoute]]) -> list[APIRouter]:
    """Return a router per plugin with its own routes, below ``/x/<plugin>``."""
    routers = []
    for plugin, own in sorted(routes.items()):
        router = APIRouter(prefix=f"/x/{plugin}")
        for route in own:
            answer = route.answer if isinstance(route, RemoteRoute) else route.response
            documentation = Documentation(
                f"{plugin}_{handler_name(route).strip('_')}",
                f"plugin {plugin}",
                route.summary,
                plain=answer,
                plain_body=route.body,
                status=route.status,
            )
            add_route(router, route.method, route.path, _served(plugin, route), documentation)
        routers.append(router)
    return routers


def _served(plugin: str, route: AnyRoute) -> Callable[[Scope, Call], Answer]:
    resource, _, action = route.permission.partition(":")
    where = f"{route.method} {route.path}"

    def serve(scope: Scope, call: Call) -> Answer:
        if plugin not in scope.hooks.tenant.enabled:
            message = f"plugin {plugin} is not enabled for this tenant"
            raise RecordNotFound(message, plugin=plugin)
        scope.actor.require(resource, action)
        work = _work(route, call)
        loaded = scope.hooks.tenant.registry.plugins[plugin]
        try:
            content: bytes = scope.hooks.with_context(plugin, work, where=where)
        except SdkError as error:
            raise from_sdk_error(loaded.label, error) from error
        except CrmError:
            raise
        except Exception as error:
            raise failed(loaded, where, error) from error
        return Answer(content, route.status)

    return serve


def _work(route: AnyRoute, call: Call) -> Callable[[Context], bytes]:
    """Return what to do for one request: in this process with the route's models, or in a worker that has them.

    The body is read there, too: what a model checks it with is code of the plugin.
    """
    if isinstance(route, RemoteRoute):
        return lambda context: route.serve(context, call.path, dict(call.query), call.raw)

    def serve(context: Context) -> bytes:
        try:
            body = body_of(route.body, call.raw)
        except BodyProblem as problem:
            raise InvalidInput(str(problem), pointer=problem.pointer) from None
        return answer_of(route.response, route.handler(context, PluginRequest(call.path, dict(call.query), body)))

    return serve
