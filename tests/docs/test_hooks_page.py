from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.jobs.scheduler import run_due
from crm_core.outbox.relay import drain
from plugin_sdk import HOOKS, UninstallMode, hookspecs
from tests.docs.pages import PARTNER, ROOT, blocks, prose, table
from tests.support.app import run, running
from tests.support.plugins import forget_plugins, write_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered

PAGE = PARTNER / "02-hooks.md"


def signatures(source: str) -> dict[str, str]:
    """Return the signature of every hook that a Python text defines, written in one way."""
    functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return {
        node.name: f"({ast.unparse(node.args)}) -> {ast.unparse(node.returns) if node.returns else None}"
        for node in functions
        if node.name in HOOKS
    }


def test_every_hook_is_shown_with_its_exact_signature() -> None:
    shown = "".join(block.text for block in blocks(PAGE) if block.kind == "signature")
    real = signatures((ROOT / "plugin_sdk" / "hookspecs.py").read_text("utf-8"))

    assert signatures(shown) == real
    assert real.keys() == HOOKS.keys()


def test_the_table_of_hooks_is_that_of_the_sdk() -> None:
    rows = table(PAGE, "Hook")

    assert rows == [
        {
            "Hook": hook.name,
            "Point": hook.point.value,
            "Rule": hook.rule.value,
            "On error": hook.on_error.value,
            "By record type": "yes" if hook.by_record_type else "no",
        }
        for hook in HOOKS.values()
    ]


def test_points_rules_and_errors_are_all_explained() -> None:
    assert [row["Point"] for row in table(PAGE, "Point")] == [one.value for one in hookspecs.Point]
    assert [row["Rule"] for row in table(PAGE, "Rule")] == [one.value for one in hookspecs.Rule]
    assert [row["On error"] for row in table(PAGE, "On error")] == [one.value for one in hookspecs.OnError]


def test_every_hook_has_a_section_and_the_page_counts_them() -> None:
    headings = [line.removeprefix("### ") for line in prose(PAGE).splitlines() if line.startswith("### ")]

    assert sorted(heading for heading in headings if heading.islower() and heading.isidentifier()) == sorted(HOOKS)
    assert f"There are {len(HOOKS)}." in PAGE.read_text("utf-8")


@pytest.fixture
def tour(tmp_path: Path) -> Iterator[Discovered]:
    """Write the plugin of the page: its Python blocks in order, and its manifest."""
    code = "\n\n".join(block.text for block in blocks(PAGE) if block.language == "python" and not block.kind)
    (manifest,) = (block.text for block in blocks(PAGE) if block.kind == "manifest")
    _, _, rest = manifest.partition("\n\n")  # [plugin] is written by the helper
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield write_plugin(folder, "tour", code, rest)
    forget_plugins(folder)


def test_the_examples_of_the_page_are_a_plugin_whose_every_hook_works(sqlite_url: str, tour: Discovered) -> None:
    """Play one story that calls them all."""

    async def story() -> None:
        async with running(sqlite_url, plugins=[tour]) as app:
            client = app.client()

            async def ask(method: str, path: str, body: Any = None) -> Any:
                answer = await client.request(method, path, json=body)
                return answer.json() if answer.content else answer.status_code

            # record_defaults, record_normalize, find_duplicates
            lead = await ask("POST", "/leads", {"name": " Ada   Lovelace ", "email": "ada@example.com"})
            assert (lead["source"], lead["name"]) == ("web", "Ada Lovelace")
            again = await ask("POST", "/leads", {"name": "A.", "email": "ada@example.com"})
            assert [issue["code"] for issue in again["issues"]] == ["duplicate_record"]
            # record_before_write, record_validate, record_after_write, record_load
            account = await ask("POST", "/accounts", {"name": "A rather long name of a company"})
            assert account["plugins"]["tour"] == {"name_length": 31, "last_change": None, "long_name": True}
            loud = await ask("PATCH", f"/accounts/{account['id']}", {"name": "ACME"})
            assert [issue["code"] for issue in loud["issues"]] == ["shouting"]
            changed = await ask("PATCH", f"/accounts/{account['id']}", {"name": "Acme", "status": "customer"})
            assert changed["plugins"]["tour"]["name_length"] == 4
            assert changed["plugins"]["tour"]["last_change"] is not None
            # record_before_delete
            kept = await ask("DELETE", f"/accounts/{account['id']}")
            assert [issue["code"] for issue in kept["issues"]] == ["is_customer"]
            # score, lead_convert
            scores = await ask("POST", f"/leads/{lead['id']}/score")
            assert scores["scores"] == [
                {"plugin": "tour", "name": "completeness", "value": 32, "reasons": ["has email"]}
            ]
            converted = await ask("POST", f"/leads/{lead['id']}/convert", {})
            assert converted["opportunity"]["next_step"] == "Call Ada Lovelace"
            # stage_transition
            sale = converted["opportunity"]
            stages = (await ask("GET", "/stages?stage_key=won"))["data"]
            moved = await ask("POST", f"/opportunities/{sale['id']}/move-stage", {"stage_id": stages[0]["id"]})
            assert [issue["code"] for issue in moved["issues"]] == ["amount_missing"]
            # record_committed, stage_entered
            report = await drain(app.runtime)
            assert (report.failures, report.deliveries > 0) == (0, True)
            subjects = [each["subject"] for each in (await ask("GET", "/activities"))["data"]]
            assert sorted(subjects) == ["Welcome A rather long name of a company", "Welcome Ada Lovelace"]
            # routes, scheduled_jobs
            length = await ask("GET", f"/x/tour/accounts/{account['id']}")
            assert length == {"account_id": account["id"], "name_length": 4}
            jobs = await run_due(app.runtime)
            assert [(job.name, job.error) for job in jobs.runs] == [("count_accounts", None)]
            # plugin_enable, plugin_disabled, plugin_enabled
            await ask("POST", "/plugins/tour/disable")
            enabled = await ask("POST", "/plugins/tour/enable", {"settings": {"default_source": "unknown"}})
            assert enabled == {"warnings": ["a source called unknown says nothing"]}
            # its end: plugin_export, plugin_import, plugin_uninstall
            system = app.as_system
            lines = await system(lambda scope: list(scope.hooks.own("plugin_export", "tour")))
            assert lines == [{"line": "tour.source", "default_source": "unknown"}]
            await system(lambda scope: scope.hooks.own("plugin_import", "tour", lines=tuple(lines)))
            await system(lambda scope: scope.hooks.own("plugin_uninstall", "tour", mode=UninstallMode.PURGE))
            assert (await ask("GET", "/activities"))["data"] == []

    run(story())
