from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from crm_core.db.migrate import in_transaction
from crm_core.plugin_host.discovery import Discovered
from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest
from tests.docs.pages import PARTNER, blocks
from tests.support.app import run, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = PARTNER / "04-data.md"


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Discovered]:
    """Write the package of the page where this process finds it."""
    files = {block.value: block.text for block in blocks(PAGE) if block.kind == "file"}
    for path, text in {**files, "crm_visits/__init__.py": ""}.items():
        (tmp_path / "site" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / path).write_text(text, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    manifest = Manifest.parse(
        files["crm_visits/crm-plugin.toml"].encode(), known_hooks=HOOKS, known_record_types=RECORD_TABLES
    )
    yield Discovered("visits", "crm-plugin-visits", tmp_path / "site" / "crm_visits", "crm_visits.hooks", manifest)
    for module in [name for name in sys.modules if name.partition(".")[0] == "crm_visits"]:
        del sys.modules[module]


def test_the_example_counts_visits_on_both_databases(database_url: str, visits: Discovered) -> None:
    async def story() -> None:
        async with running(database_url, plugins=[visits]) as app:
            client = app.client()

            async def ask(method: str, path: str, body: Any = None) -> Any:
                answer = await client.request(method, path, json=body)
                assert answer.is_success, answer.text
                return answer.json() if answer.content else None

            async def count() -> int:
                number: int = (await ask("GET", f"/accounts/{account['id']}"))["plugins"]["visits"]["visits"]
                return number

            account = await ask("POST", "/accounts", {"name": "Acme"})
            meeting = await ask("POST", "/activities", {"kind": "meeting", "regarding_id": account["id"]})
            assert await count() == 0
            path = f"/activities/{meeting['id']}"
            await ask("PATCH", path, {"done_at": "2026-01-31T12:00:00Z"})
            assert await count() == 1
            await ask("PATCH", path, {"subject": "Twice is once"})
            assert await count() == 1
            await ask("DELETE", path)
            assert await count() == 0

    run(story())


def test_the_migration_makes_the_declared_table(sqlite_url: str, visits: Discovered) -> None:
    async def story() -> None:
        async with running(sqlite_url, plugins=[visits]):
            pass

    run(story())
    from crm_visits import tables  # type: ignore[import-not-found]  # noqa: PLC0415 - written by the fixture

    def made(connection: sa.Connection) -> tuple[set[str], set[str | None]]:
        inspector = sa.inspect(connection)
        columns = {column["name"] for column in inspector.get_columns("plg_visits__visit")}
        return columns, {index["name"] for index in inspector.get_indexes("plg_visits__visit")}

    columns, indexes = in_transaction(sqlite_url, made, read_only=True)
    assert columns == set(tables.visit.columns.keys())
    assert {index.name for index in tables.visit.indexes} <= {str(name).rpartition("__")[2] for name in indexes}
