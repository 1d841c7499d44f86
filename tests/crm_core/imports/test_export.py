from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import string
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_core.errors import InvalidInput, UnknownField
from crm_core.imports.export import Export
from crm_core.records.create import create
from tests.crm_core.imports.support import ACCOUNTS, Importer, running
from tests.support.app import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    from crm_core.records.scope import Scope
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30) | st.sampled_from(
    ["=1+1", '"', "a,b", "x\r\ny", "\n", "\r", "\ttab", "'t Hart", "ö\N{GRINNING FACE}", " blank ", "\ufeff"]
)
_CAMPAIGN = st.fixed_dictionaries(
    {
        "name": _TEXT,
        "budget": st.decimals(-(10**12), 10**12, places=4),
        "currency": st.text(string.ascii_uppercase, min_size=3, max_size=3),
    },
    optional={
        "description": _TEXT,
        "status": _TEXT,
        "start_on": st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30)),
    },
)
_ROUND_TRIP = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_keys = (f"t{number}" for number in itertools.count())


def own(rows: Sequence[dict[str, Any]], *left_out: str) -> list[dict[str, Any]]:
    """Return rows without what the core sets."""
    core = {"id", "version", "created_at", "created_by", "updated_at", "updated_by", *left_out}
    return [{name: value for name, value in row.items() if name not in core} for row in rows]


def make(record_type: str, *records: dict[str, Any]) -> Any:
    """Return an operation that creates records."""

    def operate(scope: Scope) -> list[UUID]:
        return [create(scope, scope.entity(record_type), values)["id"] for values in records]

    return operate


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@_ROUND_TRIP
@given(records=st.lists(_CAMPAIGN, min_size=1, max_size=8))
def test_an_export_imports_into_an_empty_tenant_as_it_was(
    client: BlockingClient, tmp_path: Path, form: str, records: list[dict[str, Any]]
) -> None:
    async def round_trip() -> None:
        importer = Importer(client.app, tmp_path)
        source, target = await client.app.add_tenant(next(_keys)), await client.app.add_tenant(next(_keys))
        await client.app.as_system(make("campaign", *records), tenant_id=source)
        mapping = tmp_path / "map.toml"
        out = await importer.save("campaign", tenant_id=source, format=form, mapping_out=mapping)
        outcome = await importer.load_file(out, mapping.read_text(encoding="utf-8"), tenant_id=target)
        assert (outcome.rows, outcome.failed) == (len(records), 0), outcome.first_failures
        theirs = await importer.rows("campaign", tenant_id=target)
        assert own(theirs) == own(await importer.rows("campaign", tenant_id=source))

    client.run(round_trip())


def test_references_and_json_survive_the_way_through_files(client: BlockingClient, tmp_path: Path) -> None:
    async def steps() -> None:
        app = client.app
        importer, target = Importer(app, tmp_path), await app.add_tenant("target")
        (account,) = await app.as_system(make("account", {"name": "A"}))
        order = {
            "account_id": account,
            "currency": "EUR",
            "status": "",
            "net": Decimal(7),
            "ship_to": {"city": "Zürich", "lines": [1, None, "x"]},
        }
        await app.as_system(make("sales_order", order))
        for record_type in ("account", "sales_order"):
            mapping = tmp_path / "map.toml"
            out = await importer.save(record_type, mapping_out=mapping)
            outcome = await importer.load_file(out, mapping.read_text(encoding="utf-8"), tenant_id=target)
            assert outcome.failed == 0, outcome.first_failures
        (theirs,) = await importer.rows("sales_order", tenant_id=target)
        (ours,) = await importer.rows("sales_order")
        assert own([theirs], "account_id") == own([ours], "account_id")
        (their_account,) = await importer.rows("account", tenant_id=target)
        assert theirs["account_id"] == their_account["id"] != account

    client.run(steps())


def test_plugin_fields_are_columns_of_their_own(database_url: str, tmp_path: Path, make_plugin: MakePlugin) -> None:
    declared = "\n".join(
        f'[[fields]]\nrecord_type = "account"\nkey = "{key}"\nkind = "{kind}"\nwritable = "api"\nlabel.en = "x"\n'
        for key, kind in (
            ("tier", "text"),
            ("points", "integer"),
            ("since", "date"),
            ("vip", "boolean"),
            ("raw", "json"),
        )
    )
    plugin = make_plugin("extra", "from plugin_sdk import hookimpl\n", declared)
    values = {"tier": "=gold", "points": 7, "since": "2026-01-31", "vip": True, "raw": {"a": ["b"]}}

    async def steps() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            importer = Importer(app, tmp_path)
            await app.as_system(lambda scope: create(scope, scope.entity("account"), {"name": "A"}, {"extra": values}))
            mapping = tmp_path / "map.toml"
            out = await importer.save("account", plugins=True, mapping_out=mapping)
            with out.open(newline="", encoding="utf-8") as file:
                (cells,) = csv.DictReader(file)
            assert cells["extra.tier"] == "=gold"
            assert cells["extra.points"] == "7"
            assert cells["extra.since"] == "2026-01-31"
            assert cells["extra.vip"] == "true"
            assert json.loads(cells["extra.raw"]) == {"a": ["b"]}
            outcome = await importer.load_file(out, mapping.read_text(encoding="utf-8"))
            assert outcome.failed == 0, outcome.first_failures
            first, second = await importer.rows("account")
            assert first["plugins"] == second["plugins"]
            assert first["plugins"]["extra"]["raw"] == {"a": ["b"]}

    run(steps())


def test_more_than_one_page_is_exported_and_filters_apply(client: BlockingClient, tmp_path: Path) -> None:
    async def steps() -> None:
        importer = Importer(client.app, tmp_path)
        text = "id,name,industry\n" + "".join(f"{number},N{number},x\n" for number in range(1203))
        await importer.load(text, ACCOUNTS)
        out = await importer.save("account")
        with out.open(newline="", encoding="utf-8") as file:
            assert [row["name"] for row in csv.DictReader(file)] == [f"N{number}" for number in range(1203)]
        out = await importer.save("account", filters=("name[starts]=N120",), format="jsonl")
        names = [json.loads(line)["name"] for line in out.read_text(encoding="utf-8").splitlines()]
        assert names == ["N120", "N1200", "N1201", "N1202"]

    client.run(steps())


def test_texts_are_made_safe_for_spreadsheets_on_request_only(client: BlockingClient, tmp_path: Path) -> None:
    async def steps() -> None:
        importer = Importer(client.app, tmp_path)
        names = ["=1+1", "+1", "-1", "@x", "\tx", "plain", "'quoted"]
        budget = {"budget": Decimal(-5), "currency": "EUR"}
        await client.app.as_system(make("campaign", *({"name": name, **budget} for name in names)))
        found = {}
        for safe in (False, True):
            out = await importer.save("campaign", spreadsheet_safe=safe)
            with out.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            found[safe] = [row["name"] for row in rows]
            assert {row["budget"] for row in rows} == {"-5.0000"}
        assert found[False] == names
        assert found[True] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "plain", "'quoted"]

    client.run(steps())


def test_a_failed_export_leaves_the_file_before_it(client: BlockingClient, tmp_path: Path) -> None:
    (tmp_path / "account.out").write_text("before")

    async def steps() -> None:
        importer = Importer(client.app, tmp_path)
        with pytest.raises(UnknownField):
            await importer.save("account", filters=("nam=x",))
        with pytest.raises(InvalidInput, match="write field=value"):
            await importer.save("account", filters=("name",))
        with pytest.raises(InvalidInput, match="there is no record type 'acount'"):
            await importer.save("acount")

    client.run(steps())
    assert (tmp_path / "account.out").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xlsx"}, "there is no format 'xlsx'; there are csv, jsonl"),
        ({"format": "jsonl", "spreadsheet_safe": True}, "--spreadsheet-safe changes texts"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Export("main", "account", tmp_path / "x", **options)
