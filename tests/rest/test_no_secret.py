"""Known secrets, every route and every command, and a search for the secrets in all that comes back or is kept."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select
from typer.main import get_command
from typer.testing import CliRunner

from crm_core.cli.commands import app as commands
from crm_core.db.statements import Statement
from crm_core.records.statements import in_tenant
from crm_core.schema import core, platform
from tests.rest.references import operations
from tests.rest.served import Served, served
from tests.support.app import run
from tests.support.plugins import forget_plugins, write_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.records.scope import Scope

_SECRET = "hunter2-of-a-plugin"  # noqa: S105 - looked for, and of nobody
_PASSWORD = "hunter2"  # noqa: S105 - as above
_PLUGIN = "keeper"
_WRONG = "0123456789abcdef" * 3
_BROKEN = b"{"
# Where a plugin's settings lie, and what reading them needs; it is read by nobody else.
_KEPT = "plugin_tenant"
_MANIFEST = """
[hooks.record_validate]
record_types = ["account"]

[settings.token]
kind = "text"
secret = true
label = { en = "Token" }
help = { en = "Of the other system." }

[settings.retries]
kind = "integer"
default = 1
min = 0
max = 9
label = { en = "Retries" }
help = { en = "How often." }
"""
_HOOKS = """
from plugin_sdk import hookimpl


@hookimpl
def record_validate(ctx, operation, old, new):
    token = ctx.settings["token"]
    if new["name"] == "broken":
        raise RuntimeError(f"the other system said no to {len(token)} characters")
    return ()
"""
_URLS = (
    f"postgresql://crm:{_PASSWORD}@127.0.0.1:1/crm",
    f"postgresql://127.0.0.1:1/crm?user=crm&password={_PASSWORD}",
    f"postgresql://crm:a/{_PASSWORD}@127.0.0.1:1/crm",
    f"mysql://crm:{_PASSWORD}@127.0.0.1:1/crm",
)
_ARGUMENTS = {
    "file": "missing.csv",
    "key": "missing",
    "login": "somebody",
    "mapping": "missing.toml",
    "name": "loyalty",
    "out": "out.csv",
    "plugin": "loyalty",
    "public_key": "missing",
    "record_type": "account",
    "role": "sales",
    "tenant": "main",
}
"""What every parameter is given that a command cannot do without."""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Discovered]:
    """Give a plugin that keeps a secret in its settings and fails where it uses it."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield write_plugin(folder, _PLUGIN, _HOOKS, _MANIFEST)
    forget_plugins(folder)


def test_no_secret_is_answered_logged_or_stored(
    database_url: str, keeper: Discovered, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        async with served(database_url, keeper, settings={_PLUGIN: {"token": _SECRET}}) as world:
            answers, made = await _answers(world)
            keys = [key.rpartition("_")[2] for key in (*world.app.keys.values(), made)]
            secrets = {_SECRET, _WRONG, *keys, urlsplit(database_url).password or _SECRET}
            stored = await world.app.as_system(_stored, write=False)
            seen = {**answers, **stored, **_logged(caplog)}
            assert len(answers) > 900
            assert made
            assert f"said no to {len(_SECRET)} characters" in str(answers)
            assert {record.name for record in caplog.records} >= {"asyncio", "crm_core.plugins"}
            assert _SECRET in stored[_KEPT]
            leaks = {where for where, text in seen.items() if any(secret in text for secret in secrets)}
            assert leaks == {_KEPT}

    run(scenario())


async def _answers(world: Served) -> tuple[dict[str, str], str]:
    """Ask every route what succeeds and what fails; return the answers, and the key that one of them shows once."""
    answers: dict[str, str] = {}
    made = ""
    transport = httpx.ASGITransport(world.app.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://crm", timeout=60) as client:
        right, *others = (await _headers(world)).items()
        for number, (method, path, content) in enumerate(_requests(world)):
            for name, header in (right, others[number // 2 % len(others)]):
                sent = {"authorization": header} if header else {}
                answer = await client.request(method, path, content=content, headers=sent)
                if (method, path, answer.status_code) == ("POST", "/api/v1/api-keys", 201):
                    made = answer.json()["api_key"]
                else:
                    answers[f"{number}: {method} {path} as {name}"] = f"{answer.text} {answer.headers}"
    return answers, made


def _requests(world: Served) -> Iterator[tuple[str, str, bytes]]:
    yield from (("GET", path, b"") for path in ("/docs", "/openapi.json", "/health", "/api/v1/nothing"))
    for settings in ('"token": 5', f'"token": "{_SECRET}", "retries": 99', f'"token": "{_SECRET}", "tokn": 1'):
        yield "POST", f"/api/v1/plugins/{_PLUGIN}/enable", f'{{"settings": {{{settings}}}}}'.encode()
        yield "PATCH", f"/api/v1/plugins/{_PLUGIN}/settings", f'{{"settings": {{{settings}}}}}'.encode()
    yield "PATCH", f"/api/v1/plugins/{_PLUGIN}/settings", f'{{"settings": {{"token": "{_SECRET}"}}}}'.encode()
    yield "POST", "/api/v1/accounts", b'{"name": "broken"}'
    for each in operations(world.document):
        path = each.filled(world.path_values(each.path))
        yield each.method, path, json.dumps(each.smallest_body(world.ids)).encode()
        yield each.method, path, _BROKEN


async def _headers(world: Served) -> dict[str, str | None]:
    """Return Authorization headers: two that are right, two that are not, and none."""
    key = await world.app.key("administrator", world.app.tenant_id)
    wrong = key.rpartition("_")[0] + "_" + _WRONG
    basic = base64.b64encode(f"crm:{_WRONG}".encode()).decode()
    return {
        "administrator": f"Bearer {key}",
        "sales": f"Bearer {await world.app.key('sales', world.app.tenant_id)}",
        "somebody with another secret": f"Bearer {wrong}",
        "somebody with a password": f"Basic {basic}",
        "nobody": None,
    }


def _stored(scope: Scope) -> dict[str, str]:
    """Return all that the database holds for the tenant, by table."""
    found = {}
    for table in (*core.sorted_tables, *platform.sorted_tables):
        statement = select(table)
        if "tenant_id" in table.c:
            statement = statement.where(in_tenant(table.c.tenant_id))
        found[table.name] = str(scope.uow.fetch(Statement(statement), {}))
    return found


def _logged(caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    """Return all log records with what is formatted of them, by number and sentence."""
    format_record = logging.Formatter().format
    return {
        f"log {number}: {record.getMessage()[:200]}": f"{format_record(record)} {record.__dict__}"
        for number, record in enumerate(caplog.records)
    }


@pytest.mark.parametrize("url", _URLS)
def test_no_command_prints_the_password_of_a_database_it_cannot_reach(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner, tried = CliRunner(), 0
    for words, command in _commands(get_command(commands)):
        if "database" not in {each.name for each in command.params}:
            continue
        done = runner.invoke(commands, [*words, *_required(command), "--database", url])
        told = done.output + "".join(traceback.format_exception(done.exception))
        assert done.exit_code != 0, words
        assert _PASSWORD not in told, (words, told)
        tried += 1
    assert tried > 25


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command with its words, read off the command line itself."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
    else:
        for name, each in inner.items():
            yield from _commands(each, (*words, name))


def _required(command: Any) -> list[str]:
    """Return values for all that a command cannot do without; a parameter that is new must be added above."""
    given: list[str] = []
    for each in command.params:
        if each.required:
            value = _ARGUMENTS[str(each.name)]
            given += [value] if each.param_type_name == "argument" else [each.opts[0], value]
    return given
