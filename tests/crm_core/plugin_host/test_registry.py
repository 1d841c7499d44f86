from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.plugin_host.registry import load

if TYPE_CHECKING:
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.plugin_host.registry import Registry
    from tests.support.plugins import MakePlugin

_IMPORTS = "from plugin_sdk import *\n"


def loaded(*plugins: Discovered) -> Registry:
    return load(plugins, core_version="0.1.0", database="sqlite")


@pytest.mark.parametrize(
    ("hooks", "manifest", "told"),
    [
        (
            "@hookimpl\ndef record_validat(new): ...",
            "",
            "implements the unknown hook record_validat; did you mean record_validate?",
        ),
        (
            "@hookimpl\ndef xyzzy(): ...",
            "",
            "implements the unknown hook xyzzy; see the list of hooks in the SDK guide",
        ),
        (
            "@hookimpl(optionalhook=True)\ndef record_validat(new): ...",
            "",
            "implements the unknown hook record_validat; did you mean record_validate?",
        ),
        (
            "@hookimpl\ndef record_validate(new): ...",
            "",
            "implements record_validate without declaring it; add [hooks.record_validate] to crm-plugin.toml",
        ),
        (
            "def record_validate(new): ...",
            "[hooks.record_validate]",
            (
                "declares record_validate but does not implement it; "
                "remove [hooks.record_validate] or mark the function with @hookimpl"
            ),
        ),
        (
            "@hookimpl\ndef record_validate(new, newer): ...",
            "[hooks.record_validate]",
            "record_validate takes the unknown argument newer; there are: ctx, operation, old, new, changed",
        ),
        (
            "@hookimpl\ndef record_validate(new, newer=None): ...",
            "[hooks.record_validate]",
            "record_validate takes the unknown argument newer; there are: ctx, operation, old, new, changed",
        ),
        (
            "@hookimpl\ndef record_validate(**everything): ...",
            "[hooks.record_validate]",
            (
                "record_validate takes **everything; name the arguments it uses, there are: "
                "ctx, operation, old, new, changed"
            ),
        ),
        (
            "@hookimpl\nasync def record_validate(new): ...",
            "[hooks.record_validate]",
            "record_validate is an async function; hooks are plain functions, remove async",
        ),
        (
            "@hookimpl(wrapper=True)\ndef record_validate(new):\n    return (yield)",
            "[hooks.record_validate]",
            "wraps record_validate; wrappers are not part of the contract, return a patch or issues instead",
        ),
        (
            "@hookimpl(tryfirst=True)\ndef record_validate(new): ...",
            "[hooks.record_validate]",
            "orders record_validate by tryfirst/trylast; declare before/after in [hooks.record_validate] instead",
        ),
        (
            "@hookimpl\ndef record_validate(new): ...\n@hookimpl(specname='record_validate')\ndef another(new): ...",
            "[hooks.record_validate]",
            "implements record_validate more than once; mark one function with @hookimpl",
        ),
        (
            "@hookimpl\ndef record_validate(new): ...",
            "[hooks.record_validate]\non_conflict_priority = 5",
            (
                "declares on_conflict_priority for record_validate, which merges nothing; "
                "remove it from [hooks.record_validate]"
            ),
        ),
        (
            "@hookimpl\ndef plugin_enabled(ctx): ...",
            '[hooks.plugin_enabled]\nrecord_types = ["account"]',
            (
                "declares record_types for plugin_enabled, which is about no record; "
                "remove them from [hooks.plugin_enabled]"
            ),
        ),
        (
            "@hookimpl\ndef plugin_check(environment):\n    return [Issue('old', 'needs a newer Python')]",
            "[hooks.plugin_check]",
            "plugin_check: needs a newer Python",
        ),
        (
            "@hookimpl\ndef plugin_check(environment):\n    raise SystemExit(3)",
            "[hooks.plugin_check]",
            "plugin_check failed: SystemExit: 3",
        ),
        (
            "@hookimpl\ndef plugin_check():\n    return 'all is well'",
            "[hooks.plugin_check]",
            "plugin_check failed: WrongResult: it returned str, expected is a list of Issue, or None",
        ),
        (
            "@hookimpl\ndef routes():\n    raise OSError('no network')",
            "[hooks.routes]",
            "routes failed: OSError: no network",
        ),
        (
            "@hookimpl\ndef scheduled_jobs():\n    return ['nightly']",
            "[hooks.scheduled_jobs]",
            "scheduled_jobs failed: WrongResult: it returned str, expected is a list of Job, or None",
        ),
    ],
)
def test_what_does_not_fit_the_contract_is_refused(
    make_plugin: MakePlugin, hooks: str, manifest: str, told: str
) -> None:
    bad, good = make_plugin("bad", _IMPORTS + hooks, manifest), make_plugin("good", "")
    registry = loaded(bad, good)
    assert registry.refused == {"bad": f"bad@1.0.0: {told}"}
    assert list(registry.plugins) == ["good"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise ImportError('no module named numpy')", "ImportError: no module named numpy"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("raise GeneratorExit", "GeneratorExit: "),
        (
            "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mute",
            "Mute: (its text cannot be rendered: ValueError)",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_stops_nobody_else(make_plugin: MakePlugin, code: str, told: str) -> None:
    bad = make_plugin("bad", code)
    needing = make_plugin("needing", "", '[requires]\nbad = "*"')
    registry = loaded(bad, needing, make_plugin("good", ""))
    assert registry.refused["bad"] == f"bad@1.0.0: {bad.module} cannot be loaded: {told}"
    assert registry.refused["needing"] == f"needing@1.0.0 needs bad, which is refused: {registry.refused['bad']}"
    assert list(registry.plugins) == ["good"]


def test_a_refused_plugin_leaves_no_implementation_behind(make_plugin: MakePlugin) -> None:
    hooks = _IMPORTS + "@hookimpl\ndef record_validate(new): ...\n@hookimpl\ndef record_defaults(nonsense): ...\n"
    registry = loaded(make_plugin("bad", hooks, "[hooks.record_validate]\n[hooks.record_defaults]\n"))
    assert {hook: calls for hook, calls in registry.calls.items() if calls} == {}


def test_all_problems_of_a_plugin_are_told_at_once(make_plugin: MakePlugin) -> None:
    hooks = _IMPORTS + "@hookimpl\ndef record_validate(newer): ...\n@hookimpl\ndef record_defaults(draft): ...\n"
    [reason] = loaded(make_plugin("bad", hooks, "[hooks.record_validate]\n")).refused.values()
    assert "unknown argument newer" in reason
    assert "implements record_defaults without declaring it" in reason


def test_arguments_are_passed_in_the_order_of_the_implementation(make_plugin: MakePlugin) -> None:
    hooks = _IMPORTS + "@hookimpl\ndef record_validate(new, old=None, ctx=None): ...\n"
    registry = loaded(make_plugin("odd", hooks, "[hooks.record_validate]\n"))
    assert registry.calls["record_validate"][0].arguments == ("new", "old", "ctx")


def test_calls_stand_in_declared_order(make_plugin: MakePlugin) -> None:
    hooks = _IMPORTS + "@hookimpl\ndef record_validate(new): ...\n"
    registry = loaded(
        make_plugin("a1", hooks, '[hooks.record_validate]\nafter = ["c1"]'),
        make_plugin("b1", hooks, "[hooks.record_validate]"),
        make_plugin("c1", hooks, "[hooks.record_validate]"),
    )
    assert [call.plugin.id for call in registry.calls["record_validate"]] == ["b1", "c1", "a1"]


def test_routes_and_jobs_are_checked(make_plugin: MakePlugin) -> None:
    hooks = """\
from datetime import timedelta
from pydantic import BaseModel
from plugin_sdk import Job, hookimpl
from plugin_sdk.http import Route

class View(BaseModel): ...

def handler(ctx, request): ...

@hookimpl
def routes():
    nameless = Route("GET", "/b", "b:read", lambda ctx, request: None, View)
    twice = Route("GET", "/a", "a:read", handler, View)
    return [Route("GET", "no slash", "account", handler, View), nameless, twice, twice]

@hookimpl
def scheduled_jobs():
    return [Job("nightly", timedelta(days=1), print)] * 2
"""
    registry = loaded(make_plugin("bad", hooks, "[hooks.routes]\n[hooks.scheduled_jobs]\n"))
    assert registry.refused["bad"] == "; ".join(
        f"bad@1.0.0: {problem}"
        for problem in (
            "scheduled_jobs: two jobs are named nightly; rename one",
            "routes: GET no slash: not a path; write it like /ledger/{account_id}",
            "routes: GET no slash: permission 'account'; write <resource>:<action>, e.g. account:read",
            "routes: GET /b: the handler's name '<lambda>'; routes are named by it, write a def",
            "routes: GET /a is there twice; remove one",
        )
    )
