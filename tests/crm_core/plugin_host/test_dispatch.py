from __future__ import annotations

import asyncio
import sys
from itertools import permutations
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import PatchConflict
from crm_core.plugin_host.dispatch import merge
from crm_core.plugin_host.registry import Call, LoadedPlugin
from plugin_sdk import NotAllowed, Patch
from tests.support.app import run, running
from tests.support.manifests import manifest

if TYPE_CHECKING:
    import threading

    from tests.support.plugins import MakePlugin

_FAILING = """\
import asyncio
from greenlet import GreenletExit
from plugin_sdk import Issue, Patch, Rejected, hookimpl

class Mute(Exception):
    def __str__(self):
        raise ValueError

def _raise(error):
    raise error

def _deep():
    return _deep()

CASES = {
    "dict": lambda: {"name": "x"},
    "values": lambda: Patch(values="x"),
    "error": lambda: 1 / 0,
    "mute": lambda: _raise(Mute()),
    "exit": lambda: _raise(SystemExit(3)),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "stop": lambda: next(iter(())),
    "cancelled": lambda: _raise(asyncio.CancelledError()),
    "deep": lambda: _deep(),
    "memory": lambda: _raise(MemoryError()),
    "generator": lambda: _raise(GeneratorExit()),
    "greenlet": lambda: _raise(GreenletExit()),
    "rejected": lambda: _raise(Rejected([Issue("no", "not like this", "name")])),
    "silent": lambda: _raise(Rejected([])),
}

@hookimpl
def record_before_write(new):
    return CASES.get(new["name"], lambda: None)()

@hookimpl
def record_validate(new):
    return {"text": "not good", "issue": [Issue("no", None)], "number": 7}.get(new["name"])

@hookimpl
def record_after_write(new):
    return new["name"] == "late" or None
"""
_FAILURES = {
    "dict": "record_before_write: WrongResult: it returned dict, expected is a Patch",
    "values": "record_before_write: WrongResult: it returned Patch, expected is a Patch with mappings",
    "error": "record_before_write: ZeroDivisionError: division by zero",
    "mute": "record_before_write: Mute: (its text cannot be rendered: ValueError)",
    "exit": "record_before_write: SystemExit: 3",
    "interrupt": "record_before_write: KeyboardInterrupt: ",
    "stop": "record_before_write: StopIteration: ",
    "cancelled": "record_before_write: CancelledError: ",
    "deep": "record_before_write: RecursionError: maximum recursion depth exceeded",
    "memory": "record_before_write: MemoryError: ",
    "generator": "record_before_write: GeneratorExit: ",
    "greenlet": "record_before_write: GreenletExit: ",
    "text": "record_validate: WrongResult: it returned str, expected is a list of Issue",
    "issue": "record_validate: WrongResult: it returned Issue, expected is a list of Issue",
    "number": "record_validate: WrongResult: it returned int, expected is a list of Issue",
    "late": "record_after_write: WrongResult: it returned bool, expected is None",
}


def test_every_failure_names_the_plugin_and_stores_nothing(database_url: str, make_plugin: MakePlugin) -> None:
    hooks = ("record_before_write", "record_validate", "record_after_write")
    wild = make_plugin("wild", _FAILING, "".join(f'[hooks.{hook}]\nrecord_types = ["account"]\n' for hook in hooks))

    async def scenario() -> None:
        async with running(database_url, plugins=[wild], breaker_failures=100) as app:
            client = app.client()
            for name, told in _FAILURES.items():
                answer = await client.post("/accounts", json={"name": name})
                problem = answer.json()
                assert (answer.status_code, problem["code"], problem["plugin"]) == (500, "hook_failed", "wild@1.0.0"), (
                    name
                )
                assert problem["detail"].startswith(f"plugin wild@1.0.0 failed in {told}"), problem["detail"]
                assert "Disable wild for this tenant or install a release that fixes it" in problem["detail"]
            for name, code in (("rejected", "no"), ("silent", "rejected")):
                answer = await client.post("/accounts", json={"name": name})
                assert answer.status_code == 422
                assert [(each["source"], each["code"]) for each in answer.json()["issues"]] == [("wild@1.0.0", code)]
            assert (await client.get("/accounts")).json()["data"] == []
            assert (await client.post("/accounts", json={"name": "fine"})).status_code == 201

    run(scenario())


_BROKEN = """\
from plugin_sdk import Issue, Rejected, hookimpl

@hookimpl
def find_duplicates(ctx, draft):
    ctx.api.create("campaign", {"name": "left behind"})
    raise SystemExit if draft["name"] == "exit" else Rejected([Issue("no", "no")])

@hookimpl
def record_load(ctx, ids):
    return {each: 7 for each in ids}
"""
_COMPUTED = """\
[hooks.record_load]
[[fields]]
record_type = "account"
key = "rank"
kind = "integer"
computed = true
label = { en = "Rank" }
"""
_KEEN = """\
from plugin_sdk import Match, hookimpl

@hookimpl
def find_duplicates(ctx, draft):
    found = ctx.api.list("account", {"name": draft["name"]}).records
    return [Match(each.id, 1.0, "same name", blocks=True) for each in found]
"""


def test_a_failure_where_failures_are_skipped_stops_nobody_and_leaves_nothing(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = (
        '[capabilities]\napi = ["campaign:create", "account:read"]\n'
        '[hooks.find_duplicates]\nrecord_types = ["account"]\n'
    )
    broken = make_plugin("broken", _BROKEN, hooks + _COMPUTED)
    keen = make_plugin("keen", _KEEN, hooks)

    async def scenario() -> None:
        async with running(database_url, plugins=[broken, keen]) as app:
            client = app.client()
            assert [
                (await client.post("/accounts", json={"name": name})).status_code for name in ("A", "exit", "A")
            ] == [
                201,
                201,
                422,
            ]
            listed = (await client.get("/accounts", params={"sort": "name"})).json()["data"]
            assert [each["name"] for each in listed] == ["A", "exit"]
            assert (await client.get("/campaigns")).json()["data"] == []
            assert listed[0]["plugins"] == {"broken": {"rank": None}}

    run(scenario())
    assert "plugin broken@1.0.0 failed in find_duplicates and was skipped: SystemExit" in caplog.text
    assert "plugin broken@1.0.0 failed in find_duplicates and was skipped: Rejected: no" in caplog.text
    assert "plugin broken@1.0.0 failed in record_load and was skipped: WrongResult: it returned dict" in caplog.text


def _call(plugin: str, priority: int | None) -> Call:
    return Call(LoadedPlugin(plugin, f"{plugin}@1.0.0", manifest(plugin), None), print, (), None, priority)


def _merged(offers: list[tuple[str, int | None, Any]]) -> Any:
    try:
        return merge(
            "record_defaults", [(_call(name, rank), Patch({"f": value})) for name, rank, value in offers], "values"
        )
    except PatchConflict as conflict:
        return sorted(conflict.details["plugins"])


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ([("a1", None, 1), ("b1", None, 1)], {"f": 1}),
        ([("a1", None, 1), ("b1", None, 2)], ["a1@1.0.0", "b1@1.0.0"]),
        ([("a1", 5, 1), ("b1", None, 2)], {"f": 1}),
        ([("a1", -5, 1), ("b1", None, 2)], {"f": 2}),
        ([("a1", 5, 1), ("b1", 5, 2)], ["a1@1.0.0", "b1@1.0.0"]),
        ([("a1", 5, 1), ("b1", 5, 1), ("c1", 1, 2)], {"f": 1}),
        ([("a1", None, 1), ("b1", None, True)], ["a1@1.0.0", "b1@1.0.0"]),
        ([("a1", None, float("nan")), ("b1", None, float("nan"))], ["a1@1.0.0", "b1@1.0.0"]),
    ],
)
def test_priority_decides_and_nothing_else(offers: list[tuple[str, int | None, Any]], expected: Any) -> None:
    assert [_merged(list(order)) for order in permutations(offers)] == [expected] * len(list(permutations(offers)))


_OFFER = st.tuples(st.sampled_from([None, 0, 1, 2]), st.sampled_from([0, 1, True, "x", None]))


@given(st.lists(_OFFER, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_merge_does_not_depend_on_the_order_of_plugins(offers: list[tuple[int | None, Any]], random: Any) -> None:
    named = [(f"p{place}", rank, value) for place, (rank, value) in enumerate(offers)]
    shuffled = list(named)
    random.shuffle(shuffled)
    one, other = _merged(named), _merged(shuffled)
    assert one == other
    assert type(one) is type(other)


def test_a_value_that_cannot_be_compared_or_shown_is_a_conflict() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError

        def __hash__(self) -> int:
            return 0

        def __repr__(self) -> str:
            raise ValueError

    assert _merged([("a1", None, Odd()), ("b1", None, 2)]) == ["a1@1.0.0", "b1@1.0.0"]


def test_plugins_that_disagree_are_both_named(database_url: str, make_plugin: MakePlugin) -> None:
    hooks = (
        "from plugin_sdk import Patch, hookimpl\n@hookimpl\ndef record_before_write(new):\n"
        "    return Patch({{'website': {}}})"
    )
    declared = '[hooks.record_before_write]\nrecord_types = ["account"]'
    plugins = [make_plugin(name, hooks.format(f"new['name'] + '{name[0]}'"), declared) for name in ("aa", "bb")]

    async def scenario() -> None:
        async with running(database_url, plugins=plugins) as app:
            answer = await app.client().post("/accounts", json={"name": "A"})
            assert answer.status_code == 409
            assert answer.json()["code"] == "patch_conflict"
            assert (answer.json()["field"], answer.json()["plugins"]) == ("website", ["aa@1.0.0", "bb@1.0.0"])
            assert "aa@1.0.0 wants 'Aa', bb@1.0.0 wants 'Ab'; declare on_conflict_priority" in answer.json()["detail"]

    run(scenario())


_ECHO = """\
from plugin_sdk import hookimpl
SEEN = []

@hookimpl
def record_after_write(ctx, new):
    SEEN.append(new["name"])
    ctx.api.create("account", {"name": f"{new['name']}-{ctx.plugin}"})
"""
_ECHOES = '[capabilities]\napi = ["account:create"]\n[hooks.record_after_write]\nrecord_types = ["account"]\n'


def test_a_plugin_is_not_called_for_its_own_changes(database_url: str, make_plugin: MakePlugin) -> None:
    plugins = [make_plugin(name, _ECHO, _ECHOES) for name in ("aa", "bb")]

    async def scenario() -> None:
        async with running(database_url, plugins=plugins) as app:
            assert (await app.client().post("/accounts", json={"name": "A"})).status_code == 201
            listed = (await app.client().get("/accounts", params={"sort": "name"})).json()["data"]
            assert [each["name"] for each in listed] == ["A", "A-aa", "A-aa-bb", "A-bb", "A-bb-aa"]
            assert sys.modules[plugins[0].module].SEEN == ["A", "A-bb"]

    run(scenario())


def test_hooks_that_call_each_other_for_ever_are_stopped(database_url: str, make_plugin: MakePlugin) -> None:
    plugins = [make_plugin(f"p{place}", _ECHO, _ECHOES) for place in range(9)]

    async def scenario() -> None:
        async with running(database_url, plugins=plugins) as app:
            answer = await app.client().post("/accounts", json={"name": "A"})
            assert answer.status_code == 422
            assert "more than 8 deep (p0 → p1 → p2 → p3 → p4 → p5 → p6 → p7)" in answer.json()["detail"]
            assert (await app.client().get("/accounts")).json()["data"] == []

    run(scenario())


_KEEPER = """\
from plugin_sdk import hookimpl
KEPT = {}

@hookimpl
def record_after_write(ctx):
    KEPT.update(ctx=ctx, api=ctx.api, sql=ctx.sql, fields=ctx.fields)
"""
_KEPT_MANIFEST = """\
[capabilities]
api = ["account:*"]
[[fields]]
record_type = "account"
key = "note"
kind = "text"
label = { en = "Note" }
[hooks.record_after_write]
record_types = ["account"]
"""


def test_a_context_dies_with_its_call(database_url: str, make_plugin: MakePlugin) -> None:
    keeper = make_plugin("keeper", _KEEPER, _KEPT_MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[keeper]) as app:
            assert (await app.client().post("/accounts", json={"name": "A"})).status_code == 201

    run(scenario())
    kept = SimpleNamespace(**sys.modules[keeper.module].KEPT)
    members = ("tenant_id", "actor_id", "plugin", "request_id", "now", "settings", "api", "sql", "fields", "log")
    uses: list[Any] = [lambda name=name: getattr(kept.ctx, name) for name in members]
    uses += [
        lambda: kept.api.get("account", None),
        lambda: kept.api.list("account"),
        lambda: kept.api.create("account", {}),
        lambda: kept.api.update("account", None, {}),
        lambda: kept.api.delete("account", None),
        lambda: kept.sql.execute(None),
        lambda: kept.sql.rows(None),
        lambda: kept.sql.scalar(None),
        lambda: kept.fields.get("account", []),
        lambda: kept.fields.set("account", None, {}),
    ]
    for use in uses:
        with pytest.raises(NotAllowed, match=r"plugin keeper@1\.0\.0 used a context after its hook call had ended"):
            use()


_WAITING = """\
import threading
from plugin_sdk import hookimpl
STARTED, GATE, OPENED = threading.Event(), threading.Event(), []

@hookimpl
def record_before_write(new):
    if new["name"] == "slow":
        STARTED.set()
        OPENED.append(GATE.wait(20))
"""


def test_a_slow_hook_stalls_nobody_else(postgres_url: str, make_plugin: MakePlugin) -> None:
    waiting = make_plugin("waiting", _WAITING, '[hooks.record_before_write]\nrecord_types = ["account"]')

    async def scenario() -> None:
        async with running(postgres_url, plugins=[waiting]) as app:
            client = app.client()
            module = sys.modules[waiting.module]
            slow = asyncio.create_task(client.post("/accounts", json={"name": "slow"}))
            started: threading.Event = module.STARTED
            assert await asyncio.to_thread(started.wait, 20)
            # The hook waits for this gate, which only opens once another request is through.
            assert (await client.post("/accounts", json={"name": "quick"})).status_code == 201
            assert not slow.done()
            module.GATE.set()
            assert (await slow).status_code == 201
            assert module.OPENED == [True]

    run(scenario())
