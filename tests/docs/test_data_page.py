from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from crm_core.db.migrate import in_transaction
from tests.docs.pages import PARTNER
from tests.support.app import run, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered

PAGE = PARTNER / "04-data.md"


@pytest.fixture
def visits(plugin_of: Callable[[Path, str], Discovered]) -> Discovered:
    """Write the package of the page where this process finds it."""
    return plugin_of(PAGE, ".")


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
