"""Plugins of one hook each, and the real operations that call it."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from plugin_sdk import HOOKS
from tests.support.app import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    import httpx

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

_HEAD = "import datetime as dt\nfrom plugin_sdk import *\nSEEN = []\n@hookimpl\n"
FIELD = '\n[[fields]]\nrecord_type = "account"\nkey = "rank"\nkind = "integer"\nlabel = { en = "Rank" }\n'


def probe(make_plugin: MakePlugin, hook: str, code: str, more: str = "", record_type: str = "account") -> Discovered:
    """Return a plugin with one hook, for one record type where the hook is about records."""
    about = f'record_types = ["{record_type}"]\n' if HOOKS[hook].by_record_type else ""
    return make_plugin("probe", _HEAD + code, f"[hooks.{hook}]\n{about}{more}")


def module_of(plugin: Discovered) -> ModuleType:
    return sys.modules[plugin.module]


@asynccontextmanager
async def serving(url: str, plugin: Discovered) -> AsyncIterator[tuple[httpx.AsyncClient, RunningApp]]:
    async with running(url, plugins=[plugin]) as app:
        yield app.client(), app


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def refused(answer: httpx.Response, *messages: str) -> None:
    assert answer.status_code == 422, answer.text
    assert [(each["source"], each["message"]) for each in answer.json()["issues"]] == [
        ("probe@1.0.0", message) for message in messages
    ]
