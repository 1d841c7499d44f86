from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.first_plugin import PAGE, Partner, build_and_install, write_files
from tests.docs.pages import blocks
from tests.docs.test_commands import command_lines
from tests.support.app import run, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Partner:
    """Do what the page says, up to the installed wheel."""
    return build_and_install(tmp_path_factory.mktemp("partner"))


def test_the_page_shows_every_file_of_its_tree(tmp_path: Path) -> None:
    tree = re.search(r"```\norder-limit/\n(?P<tree>.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert tree
    named = {line.split("── ")[1] for line in tree["tree"].splitlines() if "." in line}

    assert named == {path.rpartition("/")[2] for path in write_files(PAGE, tmp_path)}


def test_the_page_counts_its_code_files(tmp_path: Path) -> None:
    assert len(write_files(PAGE, tmp_path)) == 9


def test_the_wheel_holds_manifest_and_code_and_the_entry_point(partner: Partner) -> None:
    package = partner.installed / "crm_order_limit"
    (points,) = partner.installed.glob("*.dist-info/entry_points.txt")

    assert {file.name for file in package.iterdir()} >= {"__init__.py", "crm-plugin.toml", "hooks.py", "py.typed"}
    assert points.read_text("utf-8") == "[crm.plugins]\norder_limit = crm_order_limit.hooks\n"


@pytest.mark.slow  # serves a core, and restarts it for every uninstall
def test_its_own_tests_pass_against_the_real_core(partner: Partner) -> None:
    done = partner.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert re.search(r"^1[0-9] passed in ", done.stdout, re.MULTILINE), done.stdout


def test_the_commands_of_the_page_work_one_after_another(partner: Partner) -> None:
    lines = [words for _, words in command_lines(PAGE) if words[0] != "serve"]
    done = {" ".join(words): partner.crm(*words) for words in lines}

    assert {line: one.stderr for line, one in done.items() if one.returncode} == {}
    assert done["plugin check src"].stdout == "src: no problems\n"
    assert re.search(r"order_limit +1\.0\.0 +1\.0\.0 +loaded", done["plugin list"].stdout)


def test_the_answer_on_the_page_is_the_servers(sqlite_url: str, plugin_of: Callable[[Path, str], Discovered]) -> None:
    (shown,) = (json.loads(block.text) for block in blocks(PAGE) if block.language == "json")
    plugin = plugin_of(PAGE, "src")

    async def story() -> None:
        async with running(sqlite_url, plugins=[plugin], settings={"order_limit": {"default_limit": "500"}}) as app:
            client = app.client()
            values = {"name": "Acme", "plugins": {"order_limit": {"max_order": "50"}}}
            account = (await client.post("/accounts", json=values)).json()
            order = {"account_id": account["id"], "currency": "EUR", "total": "60"}
            answer = (await client.post("/sales-orders", json=order)).json()
            assert answer | {"request_id": "…"} == shown
            assert list(answer) == list(shown)
            found = await client.get("/accounts?order_limit.max_order[lt]=100&sort=-order_limit.max_order")
            assert [each["id"] for each in found.json()["data"]] == [account["id"]]

    run(story())
