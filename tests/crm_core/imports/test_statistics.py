from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from crm_core.db.statements import Statement
from crm_core.imports.plan import Plan
from crm_core.imports.statistics import Upkeep
from tests.crm_core.imports.support import Importer, running
from tests.support.app import run

if TYPE_CHECKING:
    from pathlib import Path

_COUNTED = Statement(text("SELECT reltuples FROM pg_class WHERE oid = 'core.external_ref'::regclass"))


def test_statistics_are_due_early_and_then_at_every_fourfold() -> None:
    upkeep = Upkeep(Plan(()))
    assert [rows for rows in range(100, 40_001, 100) if upkeep.due(rows)] == [500, 2_000, 8_000, 32_000]


def test_an_import_tells_postgresql_how_much_there_is(postgres_url: str, tmp_path: Path) -> None:
    async def steps() -> None:
        async with running(postgres_url) as app:
            text_of = "id,name,industry\n" + "".join(f"{number},N{number},x\n" for number in range(600))
            await Importer(app, tmp_path).load(text_of)
            rows = await app.as_system(lambda scope: scope.uow.fetch(_COUNTED, {}))
            assert [float(row[0]) for row in rows] == [500.0]

    run(steps())
