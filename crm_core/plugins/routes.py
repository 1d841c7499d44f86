"""The routes of plugins, and those that plugins serve themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ValidationError

from crm_core.errors import CrmError, InvalidInput, RecordNotFound
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.plugin_api.errors import from_sdk_error
from crm_core.plugin_host.guard import failed
from crm_core.plugins import listing, service
from plugin_sdk import SdkError
from plugin_sdk.http import Request as PluginRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crm_core.records.scope import Scope
    from plugin_sdk.http import Route

_TAG = "plugins"


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
    enabled: bool
    settings: dict[str, Any]


class PluginStatusPage(msgspec.Struct):
    """All plugins of the installation."""

    data: list[PluginStatus]


class EnableRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Settings to enable a plugin with; left out, those of the last time."""

    settings: dict[str, Any] | None = None


class EnableAnswer(msgspec.Struct):
    """What the plugins had to say about enabling it."""

    warnings: list[str]


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
        router, "PATCH", "/{plugin}/settings", _settings,
        Documentation("change_plugin_settings", _TAG, "Change some settings", body=SettingsRequest, status=204),
    )  # fmt: skip
    return router


ROUTERS = (_router(),)


def plugin_routers(routes: Mapping[str, Sequence[Route]]) -> list[APIRouter]:
    """Return a router per plugin with its own routes, below ``/x/<plugin>``."""
    routers = []
    for plugin, own in sorted(routes.items()):
        router = APIRouter(prefix=f"/x/{plugin}")
        for route in own:
            name = f"{plugin}_{route.handler.__name__.strip('_')}"
            documentation = Documentation(
                name,
                f"plugin {plugin}",
                route.summary,
                plain=route.response,
                plain_body=route.body,
                status=route.status,
            )
            add_route(router, route.method, route.path, _served(plugin, route), documentation)
        routers.append(router)
    return routers


def _served(plugin: str, route: Route) -> Callable[[Scope, Call], Answer]:
    resource, _, action = route.permission.partition(":")
    where = f"{route.method} {route.path}"

    def serve(scope: Scope, call: Call) -> Answer:
        if plugin not in scope.hooks.tenant.enabled:
            message = f"plugin {plugin} is not enabled for this tenant"
            raise RecordNotFound(message, plugin=plugin)
        scope.actor.require(resource, action)
        request = PluginRequest(call.path, dict(call.query), _model(route.body, call.raw))
        loaded = scope.hooks.tenant.registry.plugins[plugin]
        try:
            result = scope.hooks.with_context(plugin, lambda context: route.handler(context, request))
            content = _answer(route.response, result)
        except SdkError as error:
            raise from_sdk_error(loaded.label, error) from error
        except CrmError:
            raise
        except Exception as error:
            raise failed(loaded, where, error) from error
        return Answer(content, route.status)

    return serve


def _answer(model: type[BaseModel], result: Any) -> bytes:
    """Return what the handler returned as JSON, checked against the model the route promises."""
    # A model's own instance too: its fields may have been set to anything since.
    values = result.model_dump(warnings=False) if isinstance(result, BaseModel) else result
    return model.model_validate(values).model_dump_json().encode()


def _model(model: type[BaseModel] | None, raw: bytes) -> BaseModel | None:
    if model is None:
        return None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        message = f"the request body does not fit: {where.lstrip('.') or 'the whole'}: {first['msg']}"
        raise InvalidInput(message, pointer=f"${where}") from None
