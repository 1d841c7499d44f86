from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from crm_core.cli.commands import app
from tests.crm_core.imports.support import ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Crm = Callable[..., Result]


@pytest.fixture
def crm(sqlite_url: str, tmp_path: Path) -> Crm:
    """Give the command line on a database with one tenant, and a mapping to import with."""
    (tmp_path / "map.toml").write_text(ACCOUNTS, encoding="utf-8")

    def run(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, [*arguments, "--database", sqlite_url])
        assert result.exit_code == code, result.output
        return result

    run("tenant", "create", "main")
    return run


def imported(crm: Crm, folder: Path, text: str, *options: str, code: int = 0, tenant: str = "main") -> Any:
    (folder / "data.csv").write_text(text, encoding="utf-8")
    file, mapping = str(folder / "data.csv"), str(folder / "map.toml")
    return crm("import", file, "--mapping", mapping, "--tenant", tenant, *options, code=code)


def test_an_import_says_what_it_did(crm: Crm, tmp_path: Path) -> None:
    done = json.loads(imported(crm, tmp_path, "id,name,industry\n1,A,x\n2,B,y\n", "--json").stdout)
    assert (done["rows"], done["created"], done["failed"]) == (2, 2, 0)
    assert done["records"] == {"account": {"created": 2}}
    again = imported(crm, tmp_path, "id,name,industry\n1,A,x\n2,B,z\n").stdout
    assert again.startswith("2 rows: records 0 created, 1 updated, 1 unchanged; 0 rows failed; ")


def test_failed_rows_are_named_and_the_exit_code_is_1(crm: Crm, tmp_path: Path) -> None:
    errors = tmp_path / "errors.csv"
    out = imported(crm, tmp_path, "id,name,industry\n1,,x\n2,B,\n", "--errors", str(errors), code=1).stdout
    assert "1 rows failed" in out
    assert "line 2: name = '': name may not be empty" in out
    assert errors.read_text(encoding="utf-8").splitlines() == [
        "line,record_type,field,column,value,code,reason",
        "2,account,name,name,,invalid_input,name may not be empty",
    ]


def test_a_dry_run_says_so_and_keeps_nothing(crm: Crm, tmp_path: Path) -> None:
    out = imported(crm, tmp_path, "id,name,industry\n1,A,x\n", "--dry-run").stdout
    assert "dry run: nothing of it was kept" in out
    assert json.loads(imported(crm, tmp_path, "id,name,industry\n1,A,x\n", "--json").stdout)["created"] == 1


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[record.fields]", "[record.field]", "map.toml: record[0].field: there is no such key; did you mean fields?"),
        ("name =", "nam =", "map.toml: record[0].fields.nam: account has no field 'nam'; did you mean name"),
        ('column = "name"', 'column = "x"', "map.toml: record[0].fields.name.column: the file has no column 'x'"),
    ],
)
def test_a_wrong_mapping_is_a_usage_error(crm: Crm, tmp_path: Path, old: str, new: str, problem: str) -> None:
    (tmp_path / "map.toml").write_text(ACCOUNTS.replace(old, new), encoding="utf-8")
    result = imported(crm, tmp_path, "id,name,industry\n1,A,x\n", code=2)
    assert problem in result.stderr


def test_an_unknown_tenant_is_told_with_those_there_are(crm: Crm, tmp_path: Path) -> None:
    result = imported(crm, tmp_path, "id,name,industry\n", tenant="mian", code=1)
    assert "there is no tenant 'mian'; there are main" in result.stderr


def test_what_was_imported_is_exported(crm: Crm, tmp_path: Path) -> None:
    imported(crm, tmp_path, "id,name,industry\n1,=A,x\n2,B,\n")
    out = tmp_path / "out.csv"
    arguments = ("export", "--tenant", "main", "--record-type", "account", "--out", str(out))
    assert json.loads(crm(*arguments, "--filter", "name=B", "--json").stdout) == {"file": str(out), "rows": 1}
    assert crm(*arguments).stdout == f"2 account records are in {out}\n"
    assert "=A" in out.read_text(encoding="utf-8").splitlines()[1].split(",")
    crm(*arguments, "--spreadsheet-safe")
    assert "'=A" in out.read_text(encoding="utf-8").splitlines()[1].split(",")
    wrong = crm(*arguments, "--spreadsheet-safe", "--mapping-out", str(tmp_path / "m.toml"), code=2)
    assert "--spreadsheet-safe changes texts" in wrong.stderr
