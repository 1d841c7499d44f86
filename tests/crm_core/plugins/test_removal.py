from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from crm_core import __version__
from crm_core.actors import system_actor
from crm_core.app import create_app
from crm_core.errors import HookFailed, PluginError
from crm_core.identity.tenants import add_tenant
from crm_core.plugin_host.install import install
from crm_core.plugins.removal import remove, restore
from crm_core.plugins.service import enable
from crm_core.records import create as records
from crm_core.runtime import opened
from crm_core.schema import plugin
from crm_core.settings import Settings
from tests.support.app import RunningApp, run
from tests.support.books import BOOK, CHAPTER, VALUES, as_plugin, books, fill, library
from tests.support.fingerprint import core_fingerprint, platform_rows, plugin_objects

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered
    from plugin_sdk import Context
    from tests.support.plugins import MakePlugin

_HOOKS = """\
from plugin_sdk import hookimpl
import sqlalchemy as sa
from tests.support.books import BOOK
CALLS = []

@hookimpl
def plugin_export(ctx):
    for row in ctx.sql.rows(sa.select(BOOK.c.title).order_by(BOOK.c.id)):
        yield {"title": row["title"]}

@hookimpl
def plugin_uninstall(ctx, mode):
    CALLS.append(("uninstall", mode.value))

@hookimpl
def plugin_import(ctx, lines):
    CALLS.append(("import", [line["title"] for line in lines]))
    if len(ctx.sql.rows(sa.select(BOOK.c.id))) != len(lines):
        raise ValueError("a book is missing")
"""
_DECLARED = "[hooks.plugin_export]\n[hooks.plugin_uninstall]\n[hooks.plugin_import]\n"


def _settings(url: str, **options: Any) -> Settings:
    return Settings(database_url=url, plugin_tier="in_process", **options)


@pytest.fixture
def shelf(make_plugin: MakePlugin) -> Discovered:
    """Give the plugin with hooks of its own for the way out and back."""
    return books(make_plugin, _HOOKS, _DECLARED)


def _rows(ctx: Context) -> dict[str, Any]:
    return {
        "books": ctx.sql.rows(sa.select(BOOK).order_by(BOOK.c.id)),
        "chapters": ctx.sql.rows(sa.select(CHAPTER).order_by(CHAPTER.c.id)),
    }


def _fields(ctx: Context, account: UUID) -> Any:
    return ctx.fields.get("account", [account])


def _add(ctx: Context, place: int) -> None:
    ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=place), title=str(place)))


async def _contents(app: RunningApp, accounts: dict[UUID, UUID]) -> dict[UUID, Any]:
    found: dict[UUID, Any] = {}
    for tenant_id, account in accounts.items():
        fields = await as_plugin(app, partial(_fields, account=account), tenant_id=tenant_id)
        found[tenant_id] = {"fields": dict(fields), **await as_plugin(app, _rows, tenant_id=tenant_id)}
    return found


async def _write(url: str, shelf: Discovered) -> tuple[dict[UUID, UUID], dict[UUID, Any]]:
    """Fill the plugin for two tenants; return an account of each, and what the plugin has of them."""
    async with library(url, shelf) as app:
        other = await app.add_tenant("other")
        await app.as_system(_enable, tenant_id=other)
        accounts: dict[UUID, UUID] = {}
        for tenant_id in (app.tenant_id, other):
            body = {"name": "A", "plugins": {"books": VALUES}}
            answer = await app.client(tenant_id=tenant_id).post("/accounts", json=body)
            assert answer.status_code == 201, answer.text
            accounts[tenant_id] = UUID(answer.json()["id"])
        await as_plugin(app, lambda ctx: fill(ctx, accounts[app.tenant_id]))
        for place in (1, 2):
            await as_plugin(app, partial(_add, place=place), tenant_id=other)
        return accounts, await _contents(app, accounts)


def _enable(scope: Any) -> None:
    enable(scope, "books", None)


async def _read(url: str, shelf: Discovered, accounts: dict[UUID, UUID]) -> dict[UUID, Any]:
    async with opened(_settings(url, background=False), discovered=[shelf]) as runtime:
        app = RunningApp(runtime, create_app(runtime), next(iter(accounts)))
        for tenant_id in accounts:
            await app.as_system(_enable, tenant_id=tenant_id)
        return await _contents(app, accounts)


def _put(url: str, shelf: Discovered) -> None:
    install(url, [shelf], "books", core_version=__version__, actor="tester")


@pytest.mark.parametrize("present", [True, False], ids=["with its code", "without its code"])
def test_kept_data_is_there_again(database_url: str, shelf: Discovered, *, present: bool) -> None:
    core = core_fingerprint(database_url)
    settings = _settings(database_url)
    accounts, before = run(_write(database_url, shelf))
    found = [shelf] if present else []
    done = remove(settings, "books", export=None, purge=False, actor="tester", discovered=found)
    assert done == {"plugin": "books", "mode": "keep", "data": "kept", "rows": 0}
    assert core_fingerprint(database_url) == core
    _put(database_url, shelf)
    assert run(_read(database_url, shelf, accounts)) == before
    assert core_fingerprint(database_url) == core


@pytest.mark.parametrize("present", [True, False], ids=["with its code", "without its code"])
def test_exported_data_comes_back_whole(database_url: str, shelf: Discovered, tmp_path: Path, *, present: bool) -> None:
    core = core_fingerprint(database_url)
    settings, file = _settings(database_url), tmp_path / "books.jsonl"
    accounts, before = run(_write(database_url, shelf))
    found = [shelf] if present else []
    done = remove(settings, "books", export=file, purge=False, actor="tester", discovered=found)
    assert (done["mode"], done["rows"]) == ("export", 8)
    assert plugin_objects(database_url, "books") == []
    assert core_fingerprint(database_url) == core
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["line"]["title"] for line in lines if "line" in line] == (
        ["Ünïcode '", "empty", "1", "2"] if present else []
    )
    _put(database_url, shelf)
    assert restore(settings, "books", file, actor="tester", discovered=[shelf])["rows"] == 8
    assert run(_read(database_url, shelf, accounts)) == before
    assert core_fingerprint(database_url) == core
    with pytest.raises(PluginError, match="has rows already; purge books and install it again before importing"):
        restore(settings, "books", file, actor="tester", discovered=[shelf])


@pytest.mark.parametrize("present", [True, False], ids=["with its code", "without its code"])
def test_a_purge_leaves_nothing(database_url: str, shelf: Discovered, *, present: bool) -> None:
    core = core_fingerprint(database_url)
    settings = _settings(database_url)
    run(_write(database_url, shelf))
    found = [shelf] if present else []
    done = remove(settings, "books", export=None, purge=True, actor="tester", discovered=found)
    assert done["data"] == "dropped"
    assert plugin_objects(database_url, "books") == []
    assert core_fingerprint(database_url) == core
    assert [(row["id"], row["state"]) for row in platform_rows(database_url, plugin)] == [("books", "removed")]


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_an_export_moves_to_the_other_kind_of_database(
    sqlite_url: str, postgres_url: str, shelf: Discovered, tmp_path: Path, source: str
) -> None:
    here, there = (sqlite_url, postgres_url) if source == "sqlite" else (postgres_url, sqlite_url)
    file, back = tmp_path / "books.jsonl", tmp_path / "back.jsonl"
    accounts, before = run(_write(here, shelf))
    remove(_settings(here), "books", export=file, purge=False, actor="tester", discovered=[])

    _put(there, shelf)
    run(_same_records(there, shelf, accounts))
    restore(_settings(there), "books", file, actor="tester", discovered=[shelf])
    assert run(_read(there, shelf, accounts)) == before
    remove(_settings(there), "books", export=back, purge=False, actor="tester", discovered=[])
    assert sorted(file.read_text().splitlines()[1:-1]) == sorted(back.read_text().splitlines()[1:-1])


async def _same_records(url: str, shelf: Discovered, accounts: dict[UUID, UUID]) -> None:
    """Make the same tenants and accounts in another database, as a move of the core's own data would."""
    async with opened(_settings(url, background=False), discovered=[shelf]) as runtime:
        for place, tenant_id in enumerate(accounts):

            def make(scope: Any, place: int = place, tenant_id: UUID = tenant_id) -> None:
                add_tenant(scope, f"tenant{place}", "Tenant")
                entity = scope.entity("account")
                row = records._draft(scope, entity, {"name": "A"}) | {"id": accounts[tenant_id]}  # noqa: SLF001
                records.store(scope, entity, row, {})

            await runtime.run(system_actor(tenant_id), make)


def _damaged(file: Path, change: Any) -> Path:
    other = file.with_name("damaged.jsonl")
    other.write_bytes(change(file.read_bytes()))
    return other


def test_a_damaged_export_is_refused_and_nothing_is_loaded(
    database_url: str, shelf: Discovered, tmp_path: Path
) -> None:
    settings, file = _settings(database_url), tmp_path / "books.jsonl"
    accounts, _ = run(_write(database_url, shelf))
    remove(settings, "books", export=file, purge=False, actor="tester", discovered=[])
    _put(database_url, shelf)
    damages: dict[str, Any] = {
        "do not fit the checksum": lambda data: data.replace(b"empty", b"EMPTY"),
        "first and last line cannot be read": lambda data: data[:-20],
        "is not an export of a plugin": lambda _: b"\xff\xfe\x00",
        "is damaged or is not": lambda _: b"",
        "is damaged": lambda data: b"\n".join(data.splitlines()[:-3] + data.splitlines()[-1:]),
    }
    for told, change in damages.items():
        with pytest.raises(PluginError, match=told):
            restore(settings, "books", _damaged(file, change), actor="tester", discovered=[shelf])
    with pytest.raises(PluginError, match="cannot be read"):
        restore(settings, "books", tmp_path / "absent.jsonl", actor="tester", discovered=[shelf])
    for contents in run(_read(database_url, shelf, accounts)).values():
        assert (contents["books"], contents["chapters"]) == ([], [])


def test_a_refused_import_empties_the_tables_again(database_url: str, shelf: Discovered, tmp_path: Path) -> None:
    settings, file = _settings(database_url), tmp_path / "books.jsonl"
    accounts, before = run(_write(database_url, shelf))
    remove(settings, "books", export=file, purge=False, actor="tester", discovered=[shelf])
    _put(database_url, shelf)
    short = _without_one_line(file)
    with pytest.raises(
        HookFailed, match=r"plugin books@1\.0\.0 failed in plugin_import: ValueError: a book is missing"
    ):
        restore(settings, "books", short, actor="tester", discovered=[shelf])
    for contents in run(_read(database_url, shelf, accounts)).values():
        assert contents["books"] == contents["chapters"] == []
        assert contents["fields"] == {}
    restore(settings, "books", file, actor="tester", discovered=[shelf])
    assert run(_read(database_url, shelf, accounts)) == before


def _without_one_line(file: Path) -> Path:
    """Return the export without the plugin's own last line, its checksum made to fit."""
    texts = file.read_text().splitlines(keepends=True)[:-2]
    footer = {"rows": 8, "sha256": hashlib.sha256("".join(texts).encode()).hexdigest()}
    other = file.with_name("short.jsonl")
    other.write_text("".join(texts) + json.dumps(footer) + "\n")
    return other


def test_an_export_that_refers_to_records_that_are_gone_loads_nothing(
    database_url: str, shelf: Discovered, tmp_path: Path
) -> None:
    file = tmp_path / "books.jsonl"
    settings = _settings(database_url)
    run(_write(database_url, shelf))
    remove(settings, "books", export=file, purge=False, actor="tester", discovered=[])
    text = file.read_text()
    _put(database_url, shelf)
    account = json.loads(next(line for line in text.splitlines() if "f_text" in line))["row"]["record_id"]
    changed = _rehashed(file, text.replace(account, UUID(int=99).hex))
    with pytest.raises(
        PluginError, match=r"the export of books does not fit this database: .*; nothing of it was loaded"
    ):
        restore(settings, "books", changed, actor="tester", discovered=[shelf])


def _rehashed(file: Path, text: str) -> Path:
    lines = text.splitlines(keepends=True)[:-1]
    other = file.with_name("changed.jsonl")
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    other.write_text("".join(lines) + json.dumps({"rows": 8, "sha256": digest}) + "\n")
    return other


def test_an_export_that_cannot_be_written_removes_nothing(database_url: str, shelf: Discovered, tmp_path: Path) -> None:
    accounts, before = run(_write(database_url, shelf))
    settings = _settings(database_url)
    with pytest.raises(PluginError, match=r"cannot be written: .*; plugin books stays installed"):
        remove(settings, "books", export=tmp_path / "no" / "f", purge=False, actor="tester", discovered=[shelf])
    assert run(_read(database_url, shelf, accounts)) == before
