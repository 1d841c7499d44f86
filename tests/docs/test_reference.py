from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from typing import TYPE_CHECKING, Any

import pytest

import crm_core
from compat_tests.scenario import parse_scenario
from compat_tests.verdicts import EXIT_CODES
from crm_core.cli.output import ExitCode
from crm_core.errors import CrmError
from crm_core.identity.roles import ROLES
from crm_core.plugin_host.state import PluginState
from crm_core.records.filters import OPERATORS
from crm_core.schema import permission
from crm_core.settings import Settings
from plugin_sdk import Context, Manifest
from plugin_sdk.testing.contract import PluginContract
from tests.docs.pages import ADMINISTRATOR, PARTNER, ROOT, blocks, guide_pages, prose, table
from tests.support.app import run, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = ADMINISTRATOR / "api.md"
_ROUTE = re.compile(r"\b(GET|POST|PATCH|PUT|DELETE) (/(?:api|health|docs|openapi)[^\s`?)]*)")
# Made by the HTTP layer itself, or from the answers of the framework.
_OF_HTTP = {("no_such_route", 404), ("method_not_allowed", 405)}


def error_codes() -> set[tuple[str, int]]:
    """Return code and status of every error the product can answer with, all its modules imported."""
    for module in pkgutil.walk_packages(crm_core.__path__, "crm_core."):
        if ".versions" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {(kind.code, kind.status) for kind in _subclasses(CrmError) if kind.__module__.startswith("crm_core.")}


def _subclasses(kind: type[CrmError]) -> Iterator[type[CrmError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_the_table_of_error_codes_is_that_of_the_code() -> None:
    rows = [(row["Code"], int(row["Status"])) for row in table(API, "Code")]

    assert len(rows) == len(set(rows))
    assert set(rows) == error_codes() | _OF_HTTP
    assert [status for _, status in rows] == sorted(status for _, status in rows)


def test_operators_roles_and_scopes_are_those_of_the_code() -> None:
    (scopes,) = (column.info["values"] for column in permission.columns if "values" in column.info)

    assert tuple(row["Operator"] for row in table(API, "Operator")) == OPERATORS
    assert [row["Role"] for row in table(API, "Role")] == list(ROLES)
    assert tuple(row["Scope"] for row in table(API, "Scope")) == tuple(scopes)


def test_every_example_of_a_filter_is_one(sqlite_url: str) -> None:
    lines = (ADMINISTRATOR / "api.md").read_text("utf-8").splitlines()
    rows = [line.split("|")[2] for line in lines if line.startswith(tuple(f"| `{each}` |" for each in OPERATORS))]
    examples = [example for row in rows for example in re.findall(r"`(.+?)`", row)]
    assert len(rows) == len(OPERATORS)

    async def story() -> None:
        async with running(sqlite_url) as app:
            client = app.client()
            for example in examples:
                answers = [await client.get(f"/{path}?{example}") for path in ("accounts", "opportunities")]
                assert 200 in {answer.status_code for answer in answers}, f"{example}: {answers[0].text}"

    run(story())


def test_every_setting_of_a_process_is_in_the_table_with_its_default() -> None:
    rows = {row["Setting"]: row["Default"] for row in table(ADMINISTRATOR / "install.md", "Setting")}
    defaults = Settings()
    real = {f"CRM_{name.upper()}": getattr(defaults, name) for name in Settings.__dataclass_fields__}

    assert rows == {name: str(value).lower() if value is True else str(value) for name, value in real.items()}


def test_every_plugin_state_is_in_the_table_with_its_sentence() -> None:
    rows = {row["State"]: row["Meaning"] for row in table(ADMINISTRATOR / "plugins.md", "State")}

    assert rows == {state.value: state.sentence for state in PluginState}


def test_exit_codes_are_those_of_the_commands() -> None:
    of_crm = {int(row["Code"]) for row in table(ADMINISTRATOR / "install.md", "Code")}
    of_compat = {int(row["Exit code"]) for row in table(ADMINISTRATOR / "upgrade.md", "Exit code")}

    assert of_crm == {value for name, value in vars(ExitCode).items() if name.isupper()}
    assert of_compat == set(EXIT_CODES)


@pytest.mark.parametrize("page", guide_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_route_of_a_page_is_one_of_the_server(page: Path, sqlite_url: str) -> None:
    named = {(method.lower(), path) for method, path in _ROUTE.findall(page.read_text("utf-8"))}
    named = {(method, re.sub(r"019a[0-9a-f-]+|…", "{id}", path)) for method, path in named}

    async def known() -> set[tuple[str, str]]:
        async with running(sqlite_url) as app:
            paths = app.app.openapi()["paths"]
            return {(method, path) for path, operations in paths.items() for method in operations}

    found = run(known()) if named else set()
    assert {one for one in named if one not in found and not one[1].startswith(("/api/v1/x/", "/api/v1/<"))} == set()


def test_the_contexts_attributes_are_all_in_the_table() -> None:
    named = {row["Attribute"] for row in table(PARTNER / "05-context.md", "Attribute")}

    assert named == {name for name, value in vars(Context).items() if isinstance(value, property)}


@pytest.mark.parametrize("name", ["Api", "Fields", "Sql"])
def test_the_contexts_parts_are_shown_with_their_exact_signatures(name: str) -> None:
    page = PARTNER / "05-context.md"
    shown = "".join(block.text for block in blocks(page) if block.kind == "signature")

    assert methods(shown, name) == methods((ROOT / "plugin_sdk" / "context.py").read_text("utf-8"), name)


def methods(source: str, name: str) -> dict[str, str]:
    """Return the signatures of a class's methods, written in one way."""
    (found,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name)
    functions = [node for node in found.body if isinstance(node, ast.FunctionDef)]
    return {
        one.name: f"{ast.unparse(one.args)} -> {ast.unparse(one.returns or ast.Constant(None))}" for one in functions
    }


def test_every_contract_test_is_in_the_table() -> None:
    named = [row["Test"] for row in table(PARTNER / "07-testing.md", "Test")]

    assert named == [name for name in vars(PluginContract) if name.startswith("test_")]


def test_the_scenario_of_the_page_is_one() -> None:
    (text,) = (block.text for block in blocks(PARTNER / "07-testing.md") if block.kind == "scenario")
    scenario = parse_scenario(json.loads(text), "page")

    assert (scenario.plugin, len(scenario.steps), scenario.is_recorded) == ("order_limit", 2, False)


def test_the_full_manifest_has_every_key_and_the_page_explains_each() -> None:
    page = PARTNER / "03-manifest.md"
    (text,) = (block.text for block in blocks(page) if block.value == "full")
    manifest = Manifest.parse(text.encode())
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", prose(page), re.MULTILINE))

    assert keys_of(manifest) <= explained
    assert keys_of(manifest) >= {
        "pattern",
        "max",
        "choices",
        "on_conflict_priority",
        "pii_tables",
        "max_length",
        "help",
    }


def keys_of(manifest: Manifest) -> set[str]:
    """Return every key that a manifest of this SDK can have, as the example has them all."""
    data: Any = manifest.to_json()
    keys = {key for part in ("plugin", "capabilities", "uninstall", "privacy") for key in data[part]}
    tables = [*data["fields"], *data["settings"].values(), *data["hooks"].values()]
    return keys | {key for each in tables for key in each}


def test_every_error_text_of_the_page_is_in_the_code() -> None:
    texts = texts_of_the_code()
    page = PARTNER / "08-errors.md"
    rows = re.findall(r"^\| `(.+?)` \|", prose(page), re.MULTILINE)
    pieces = {(row, piece.strip(" :;,.")) for row in rows for piece in re.split("…+", row)}

    assert len(rows) > 50
    assert [(row, piece) for row, piece in sorted(pieces) if piece and not any(piece in text for text in texts)] == []


def texts_of_the_code() -> list[str]:
    """Return every text of the SDK and the core, joined as Python joins neighbouring literals."""
    found = []
    for package in ("plugin_sdk", "crm_core"):
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text("utf-8"))
            constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
            found += [value for value in constants if isinstance(value, str)]
    return found
