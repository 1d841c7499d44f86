from __future__ import annotations

import asyncio
import csv
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.errors import Conflict
from crm_core.imports import progress
from crm_core.imports.problems import MappingError
from tests.crm_core.imports.support import ACCOUNTS, Importer, running
from tests.support.app import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from crm_core.imports.service import Outcome
    from tests.support.plugins import MakePlugin

    Scenario = Callable[[Importer], Awaitable[None]]

_NO_STEEL = """
from plugin_sdk import Issue, hookimpl

@hookimpl
def record_validate(new):
    if new["industry"] == "steel":
        return [Issue("no_steel", "we do not sell to steel works", field="industry")]
    return None
"""
_FIELDS = """
[[fields]]
record_type = "account"
key = "rank"
kind = "integer"
label = { en = "Rank" }
writable = "api"

[hooks.record_validate]
record_types = ["account"]
"""
ORDERS = """
[[record]]
record_type = "account"
system = "shop"
ext_id = "account:{who}"
[record.fields]
name = "Customer {who}"

[[record]]
record_type = "sales_order"
system = "shop"
ext_id = "order:{line}"
[record.fields]
number = "S-{line}"
account_id = { ref = "account", system = "shop", ext_id = "account:{who}" }
currency = "EUR"
ordered_on = { column = "day", format = "%d.%m.%Y" }
[[record.lines]]
[record.lines.fields]
quantity = { column = "pieces" }
unit_price = { column = "paid", divide_by = "pieces", decimal_separator = "." }
"""


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.count("created"), outcome.count("updated"), outcome.count("unchanged"), outcome.failed


@pytest.fixture
def scenario(database_url: str, tmp_path: Path) -> Callable[..., None]:
    """Give a function that runs a coroutine with an importer."""

    def start(function: Scenario, **options: Any) -> None:
        async def inside() -> None:
            async with running(database_url, **options) as app:
                await function(Importer(app, tmp_path))

        run(inside())

    return start


def test_a_second_import_changes_only_what_the_file_changed(scenario: Callable[..., None]) -> None:
    async def steps(importer: Importer) -> None:
        text = "id,name,industry\n1,Acme,steel\n2,Brown,\n"
        assert counts(await importer.load(text)) == (2, 0, 0, 0)
        audited = await importer.count("audit_event")
        assert counts(await importer.load(text)) == (0, 0, 2, 0)
        assert await importer.count("audit_event") == audited
        assert counts(await importer.load(text.replace("Brown", "Black"))) == (0, 1, 1, 0)
        rows = await importer.rows("account")
        assert [(row["name"], row["industry"], row["version"]) for row in rows] == [
            ("Acme", "steel", 1),
            ("Black", None, 2),
        ]
        assert await importer.count("audit_event") == audited + 1

    scenario(steps)


def test_a_changed_mapping_that_changes_no_value_writes_nothing(scenario: Callable[..., None]) -> None:
    async def steps(importer: Importer) -> None:
        text = "id,name,industry\n1,Acme,steel\n"
        await importer.load(text)
        changed = ACCOUNTS.replace('{ column = "industry" }', '{ column = "industry", values = { steel = "steel" } }')
        assert counts(await importer.load(text, changed)) == (0, 0, 1, 0)
        assert [row["version"] for row in await importer.rows("account")] == [1]

    scenario(steps)


def test_a_row_that_fails_is_left_out_alone(scenario: Callable[..., None], tmp_path: Path) -> None:
    async def steps(importer: Importer) -> None:
        rows = [f"{number},{'' if number % 7 == 3 else f'N{number}'},x" for number in range(1, 41)]
        rows[9] = "10,short"
        rows[19] = "20,A\0B,x"
        text = "\n".join(["id,name,industry", *rows])
        outcome = await importer.load(text, batch=15, errors=tmp_path / "errors.csv")
        assert counts(outcome) == (33, 0, 0, 7)
        with (tmp_path / "errors.csv").open(newline="") as file:
            told = {int(row["line"]): row for row in csv.DictReader(file)}
        assert sorted(told) == [4, 11, 18, 21, 25, 32, 39]
        assert told[4]["column"] == "name"
        assert told[4]["reason"] == "name may not be empty"
        assert told[21]["value"] == "A\0B"
        assert told[21]["field"] == "name"
        names = {row["name"] for row in await importer.rows("account")}
        assert names == {f"N{number}" for number in range(1, 41) if number % 7 != 3 and number not in {10, 20}}

    scenario(steps)


def test_a_row_is_imported_whole_or_not_at_all(scenario: Callable[..., None]) -> None:
    async def steps(importer: Importer) -> None:
        text = "who,day,pieces,paid\nA,01.02.1997,3,10.00\nB,2/1/1997,1,1.00\nC,01.02.1997,0,1.00\n"
        outcome = await importer.load(text, ORDERS)
        assert counts(outcome) == (2, 0, 0, 2)
        assert [(failure.line, failure.column) for failure in outcome.first_failures] == [
            (3, "day"),
            (4, "paid+pieces"),
        ]
        assert [row["name"] for row in await importer.rows("account")] == ["Customer A"]
        (order,) = await importer.rows("sales_order")
        assert (str(order["total"]), str(order["ordered_on"])) == ("10.0000", "1997-02-01")
        (line,) = await importer.rows("sales_order_line")
        assert (str(line["quantity"]), str(line["unit_price"])) == ("3.000000", "3.333333")

    scenario(steps)


def test_what_only_the_database_refuses_is_found_too(scenario: Callable[..., None]) -> None:
    mapping = (
        '[[record]]\nrecord_type = "product"\nsystem = "shop"\next_id = "{line}"\n'
        '[record.fields]\nname = "P {sku}"\nsku = { column = "sku" }\n'
    )

    async def steps(importer: Importer) -> None:
        skus = [f"s{number}" for number in range(30)]
        skus[17] = "s3"
        outcome = await importer.load("\n".join(["sku", *skus]), mapping)
        assert counts(outcome) == (29, 0, 0, 1)
        (failure,) = outcome.first_failures
        assert (failure.line, failure.code, failure.column, failure.value) == (19, "duplicate", "sku", "s3")

    scenario(steps)


def test_a_reference_to_nobody_says_what_to_import_first(scenario: Callable[..., None]) -> None:
    mapping = ACCOUNTS + 'parent_id = { ref = "account", system = "shop", ext_id = "{parent}" }\n'

    async def steps(importer: Importer) -> None:
        outcome = await importer.load("id,name,industry,parent\n1,A,,\n2,B,,1\n3,C,,9\n", mapping)
        assert counts(outcome) == (2, 0, 0, 1)
        assert outcome.first_failures[0].reason == "no account is known as 9 in shop; import it first"
        first, second = await importer.rows("account")
        assert second["parent_id"] == first["id"]

    scenario(steps)


def test_an_id_of_another_record_type_is_refused(scenario: Callable[..., None]) -> None:
    mapping = ACCOUNTS.replace('"account"', '"contact"').replace("industry =", "title =")

    async def steps(importer: Importer) -> None:
        text = "id,name,industry\n1,A,\n"
        await importer.load(text)
        outcome = await importer.load(text, mapping)
        assert outcome.first_failures[0].reason.startswith(
            "1 in shop is a account already; use another system or ext_id"
        )

    scenario(steps)


def test_hooks_see_the_rows_and_plugin_fields_are_stored(
    scenario: Callable[..., None], make_plugin: MakePlugin
) -> None:
    mapping = ACCOUNTS + '[record.plugins.ranks]\nrank = { column = "rank" }\n'

    async def steps(importer: Importer) -> None:
        outcome = await importer.load("id,name,industry,rank\n1,A,wood,7\n2,B,steel,8\n3,C,,x\n4,D,,\n", mapping)
        assert counts(outcome) == (2, 0, 0, 2)
        told = [(failure.line, failure.column, failure.value) for failure in outcome.first_failures]
        assert told == [(3, "industry", "steel"), (4, "rank", "x")]
        rows = await importer.rows("account")
        assert [(row["name"], row["plugins"]) for row in rows] == [
            ("A", {"ranks": {"rank": 7}}),
            ("D", {"ranks": {"rank": None}}),
        ]

    scenario(steps, plugins=[make_plugin("ranks", _NO_STEEL, _FIELDS)])


def test_a_dry_run_reports_everything_and_keeps_nothing(scenario: Callable[..., None], make_plugin: MakePlugin) -> None:
    async def steps(importer: Importer) -> None:
        text = "id,name,industry\n" + "".join(f"{number},N{number},x\n" for number in range(20)) + "99,S,steel\n"
        before = await importer.count("audit_event")
        outcome = await importer.load(text, batch=5, dry_run=True)
        assert counts(outcome) == (20, 0, 0, 1)
        assert await importer.rows("account") == []
        assert await importer.count("audit_event") == before
        assert counts(await importer.load(text, batch=5)) == (20, 0, 0, 1)

    scenario(steps, plugins=[make_plugin("ranks", _NO_STEEL, _FIELDS)])


def test_an_interrupted_import_goes_on_where_it_stopped(scenario: Callable[..., None]) -> None:
    text = "id,name,industry\n" + "".join(f"{number},N{number},x\n" for number in range(10)) + "98,,\n99,Z,\n"

    async def steps(importer: Importer) -> None:
        class Stopped(Exception):
            """Somebody pressed Ctrl-C."""

        def stop(outcome: Outcome, _read: int) -> None:
            if outcome.rows == 6:
                raise Stopped

        with pytest.raises(Stopped):
            await importer.load(text, batch=3, watch=stop)
        outcome = await importer.load(text, batch=4)
        assert (outcome.resumed_at, outcome.rows, *counts(outcome)) == (6, 6, 5, 0, 0, 1)
        assert len(await importer.rows("account")) == 11
        # A finished import begins anew, and the row that failed is tried again.
        again = await importer.load(text)
        assert (again.resumed_at, *counts(again)) == (0, 0, 0, 11, 1)

    scenario(steps)


def test_restart_begins_at_the_first_row(scenario: Callable[..., None]) -> None:
    text = "id,name,industry\n1,A,\n2,B,\n3,C,\n"

    async def steps(importer: Importer) -> None:
        class Stopped(Exception):
            """Somebody pressed Ctrl-C."""

        def stop(_outcome: Outcome, _read: int) -> None:
            raise Stopped

        with pytest.raises(Stopped):
            await importer.load(text, batch=1, watch=stop)
        outcome = await importer.load(text, restart=True)
        assert (outcome.resumed_at, *counts(outcome)) == (0, 2, 0, 1, 0)

    scenario(steps)


def test_two_imports_of_one_file_do_not_both_go_on(scenario: Callable[..., None]) -> None:
    async def steps(importer: Importer) -> None:
        first = await importer.app.as_system(lambda scope: progress.begin(scope, "f", "m", "h", restart=False))
        second = await importer.app.as_system(lambda scope: progress.begin(scope, "f", "m", "h", restart=False))
        assert first == second
        await importer.app.as_system(lambda scope: progress.begin(scope, "f", "m", "h", restart=True))
        with pytest.raises(Conflict, match="another process has gone on with this import or restarted it"):
            await importer.app.as_system(lambda scope: progress.finish(scope, second))

    scenario(steps)


def test_imports_at_the_same_time_make_no_record_twice(scenario: Callable[..., None], tmp_path: Path) -> None:
    async def steps(importer: Importer) -> None:
        files = []
        for name in ("a", "b"):
            file = tmp_path / f"{name}.csv"
            file.write_text("id,name,industry\n" + "".join(f"{n},N{n},{name}\n" for n in range(60)))
            files.append(file)
        await asyncio.gather(*(importer.load_file(file, ACCOUNTS, batch=7) for file in files))
        rows = await importer.rows("account")
        assert sorted(row["name"] for row in rows) == sorted(f"N{n}" for n in range(60))

    scenario(steps)


_WRONG_PARENT = 'parent_id = { ref = "contact", system = "s", ext_id = "{id}" }\n'
_NO_REFERENCE = 'website = { ref = "account", system = "s", ext_id = "{id}" }\n'
_LINES = "[[record.lines]]\n[record.lines.fields]\nquantity = 1\n"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"account"', '"acount"', "record[0].record_type: there is no record type 'acount'; did you mean account"),
        ("name =", "nam =", "record[0].fields.nam: account has no field 'nam'; did you mean name"),
        ("name =", "version =", "record[0].fields.version: account.version is set by the core"),
        ('"name"', '"nmae"', "record[0].fields.name.column: the file has no column 'nmae'; did you mean name?"),
        ("{id}", "{idd}", "record[0].ext_id: the file has no column 'idd'; did you mean id"),
        ("{id}", "1", "record[0].ext_id: '1' is the same for every row"),
        ('name = { column = "name" }\n', "", "record[0].fields: account.name is required; map it"),
        ('{ column = "name" }', "7", "record[0].fields.name: account.name = 7: Expected `str`"),
        (None, _WRONG_PARENT, "record[0].fields.parent_id.ref: parent_id refers to account records, not to contact"),
        (None, _NO_REFERENCE, "record[0].fields.website.ref: website is no reference"),
        (None, "[record.plugins.x]\ny = 1\n", "record[0].plugins.x: no enabled plugin 'x' has fields on account"),
        (None, _LINES, "record[0].lines: account has no such list"),
        (None, ACCOUNTS, "record[1].ext_id: is also the id of record[0]; tell them apart"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_before_any_row(
    sqlite_url: str, tmp_path: Path, old: str | None, new: str, problem: str
) -> None:
    mapping = ACCOUNTS.replace(old, new) if old else ACCOUNTS + new

    async def inside() -> None:
        async with running(sqlite_url) as app:
            with pytest.raises(MappingError) as caught:
                await Importer(app, tmp_path).load("id,name,industry\n1,A,\n", mapping)
            found = caught.value.details["problems"]
            assert any(each.startswith(f"map.toml: {problem}") for each in found), found
            assert await Importer(app, tmp_path).rows("account") == []

    run(inside())
