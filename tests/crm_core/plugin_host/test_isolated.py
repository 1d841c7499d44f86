from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING

import pytest

from crm_core import __version__
from crm_core.errors import PluginError
from crm_core.plugin_host.install import install
from crm_core.plugin_host.tiers import Tier
from tests.support.books import MIGRATION, VALUES, books
from tests.support.local_stage import local_server

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin

_MARK = "crm_plugin_was_here"
_TRACE = f"import builtins\nbuiltins.{_MARK} = True\n"
_HOOKS = f"""
{_TRACE}
import datetime as dt
import json

from pydantic import BaseModel

from plugin_sdk import Issue, Job, Level, Record, hookimpl
from plugin_sdk.http import Route

# Whatever it does to what it shares with its own process only, the host must not notice.
json.loads = Record.get = Record.__getitem__ = None


class Answer(BaseModel):
    here: bool


@hookimpl
def record_validate(new):
    return [Issue("here", str(builtins.{_MARK}), level=Level.WARNING)]


def here(ctx, request):
    return {{"here": builtins.{_MARK}}}


@hookimpl
def routes():
    return [Route("GET", "/here", "account:read", here, Answer)]


def run(ctx):
    ctx.log.info("here: %s", builtins.{_MARK})


@hookimpl
def scheduled_jobs():
    return [Job("here", dt.timedelta(hours=1), run)]


@hookimpl
def plugin_export(ctx):
    return [{{"here": builtins.{_MARK}}}]


@hookimpl
def plugin_import(ctx, lines):
    if list(lines) != [{{"here": True}}]:
        raise ValueError(lines)
"""
_DECLARED = """
[hooks.record_validate]
record_types = ["account"]
[hooks.routes]
[hooks.scheduled_jobs]
[hooks.plugin_export]
[hooks.plugin_import]
"""


def _is_here(plugin: Discovered) -> bool:
    """Tell whether anything of a plugin's package has run in this process."""
    package = plugin.module.partition(".")[0]
    return hasattr(builtins, _MARK) or any(name.partition(".")[0] == package for name in sys.modules)


def test_nothing_of_an_isolated_plugin_ever_runs_in_the_host(
    database_url: str, make_plugin: MakePlugin, tmp_path: Path
) -> None:
    plugin = books(make_plugin, _HOOKS, _DECLARED)
    assert plugin.package is not None
    (plugin.package / "__init__.py").write_text(_TRACE)
    (plugin.package / "migrations" / "versions" / "0001.py").write_text(_TRACE + MIGRATION)
    with local_server(database_url, [plugin], Tier.ISOLATED, tmp_path) as server:
        stage = server.stage("main")
        assert stage.ask("POST", "/plugins/books/enable", {}).status == 200
        made = stage.ask("POST", "/accounts", {"name": "A", "plugins": {"books": VALUES}})
        assert made.status == 201
        assert '"message": "True"' in made.headers["crm-warnings"]
        assert stage.ask("GET", "/x/books/here").body == {"here": True}
        assert stage.job("books", "here").code == 0
        assert stage.reinstall("books", "export").code == 0
        assert stage.ask("POST", "/plugins/books/enable", {}).status == 200
        assert stage.ask("GET", f"/accounts/{made.body['id']}").body["plugins"]["books"] == VALUES
        assert not _is_here(plugin)


@pytest.mark.parametrize(
    ("hooks", "told"),
    [
        (
            "import nothing_of_that_name",
            "cannot be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("import os\nos._exit(4)", "cannot be loaded: its worker exited with status 4"),
        ("import ctypes\nctypes.string_at(0)", "cannot be loaded: its worker was killed by SIGSEGV"),
        ("def broken(:", "cannot be loaded: SyntaxError: "),
        (
            "from plugin_sdk import hookimpl\n@hookimpl\ndef record_defaults(draught): ...",
            "record_defaults takes the unknown argument draught; there are: ctx, record_type, draft",
        ),
        (
            "from plugin_sdk import *\n@hookimpl\ndef plugin_check():\n    return [Issue('a', 'not here')]",
            "plugin_check: not here",
        ),
        (
            "from plugin_sdk import hookimpl\n@hookimpl(specname='x' * 10**6)\ndef record_defaults(): ...",
            "its hooks are described with a text of 1000000 characters; 1000 are read",
        ),
        (
            "from plugin_sdk import hookimpl\nfor n in range(1001):\n    globals()[f'f{n}'] = hookimpl(lambda: 1)",
            "its hooks are described with 2002 texts; 2000 are read",
        ),
        (
            "from plugin_sdk import hookimpl\n@hookimpl\ndef plugin_check():\n    return 7",
            "plugin_check failed: WrongResult: it returned int, expected is a list of Issue, or None",
        ),
        (
            "from plugin_sdk import hookimpl\n@hookimpl\ndef scheduled_jobs():\n    return [7]",
            "scheduled_jobs failed: WrongResult: it returned int, expected is a list of Job, or None",
        ),
        (
            "from plugin_sdk import hookimpl\n@hookimpl\ndef routes():\n    raise ValueError('none')",
            "routes failed: ValueError: none",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_the_reason(
    sqlite_url: str, make_plugin: MakePlugin, hooks: str, told: str
) -> None:
    names = [name for name in ("record_defaults", "plugin_check", "scheduled_jobs", "routes") if f"def {name}" in hooks]
    plugin = make_plugin("odd", hooks, "".join(f"[hooks.{name}]\n" for name in names))
    with pytest.raises(PluginError) as caught:
        install(sqlite_url, [plugin], "odd", core_version=__version__, actor="test", tiers={"odd": Tier.ISOLATED})
    assert str(caught.value).startswith("odd@1.0.0: ")
    assert told in str(caught.value)
    assert not _is_here(plugin)
