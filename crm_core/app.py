"""``create_app``: the one place where the parts are wired into an ASGI application."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response

from crm_core import __version__
from crm_core.accounts import routes as accounts
from crm_core.activities import routes as activities
from crm_core.campaigns import routes as campaigns
from crm_core.contacts import routes as contacts
from crm_core.history import routes as history
from crm_core.http import docs_page, openapi, problems
from crm_core.identity import routes as identity
from crm_core.leads import routes as leads
from crm_core.opportunities import routes as opportunities
from crm_core.orders import routes as orders
from crm_core.pipelines import routes as pipelines
from crm_core.plugins import routes as plugins
from crm_core.products import routes as products
from crm_core.quotes import routes as quotes
from crm_core.relations import routes as relations
from crm_core.tickets import routes as tickets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crm_core.runtime import Runtime

API = "/api/v1"
_DESCRIPTION = "A frozen CRM core; customizations are versioned plugins with routes below /api/v1/x/."
_MODULES = (
    accounts,
    activities,
    campaigns,
    contacts,
    history,
    identity,
    leads,
    opportunities,
    orders,
    pipelines,
    plugins,
    products,
    quotes,
    relations,
    tickets,
)


def create_app(runtime: Runtime) -> FastAPI:
    """Return the application over an open runtime, which it closes when the server stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()
        tasks = [asyncio.create_task(task) for task in runtime.background()] if runtime.settings.background else []
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runtime.close()

    app = FastAPI(
        title="crm-core",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.runtime = runtime
    api = APIRouter(prefix=API)
    for module in _MODULES:
        for router in module.ROUTERS:
            api.include_router(router)
    for router in relations.tag_routers(runtime.catalog):
        api.include_router(router)
    for router in plugins.plugin_routers(runtime.host.routes):
        api.include_router(router)
    app.include_router(api)
    app.add_api_route("/health", _health, response_model=None, summary="Whether the server answers", tags=["health"])
    problems.install(app)
    openapi.install(app)
    docs_page.install(app)
    return app


async def _health() -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")
