from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.app import run, running

if TYPE_CHECKING:
    from crm_core.isolation.remote import RemotePlugin
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

# Each is the body of a hook, with what the answer says of it; nothing of the account may be stored.
_CRASHES = {
    "os._exit(3)": "WorkerFailed: its worker exited with status 3",
    "os.kill(os.getpid(), 9)": "WorkerFailed: its worker was killed by SIGKILL",
    "ctypes.string_at(0)": "WorkerFailed: its worker was killed by SIGSEGV",
    "while True: pass": "exceeded its budget in record_validate: ",
    "time.sleep(60)": "exceeded its budget in record_validate: ",
    "while True: ctx.log.info('x' * 10_000)": "exceeded its budget in record_validate: ",
    "while True: print('x' * 10_000, file=sys.stderr, flush=True)": "exceeded its budget in record_validate: ",
    "return [bytes(10_000_000)]": "FrameTooLarge: a frame of 100",
    "return (Issue('a', 'x' * 100_000) for _ in iter(int, 1))": "exceeded its budget in record_validate: ",
    "bytes(10 ** 10)": "MemoryError: ",
    "os.close(channel())": "WorkerFailed: its worker exited with status 0",
    "os.write(channel(), b'\\xff' * 100)": "WorkerFailed: its worker sent too much: a frame of 4294967295 bytes",
    "os.write(channel(), b'\\0\\0\\0\\x04junk')": "WorkerFailed: its worker sent what is no frame: ",
    "os.write(channel(), b'\\0\\0\\0\\x06' + pickle.dumps(1)[:6])": "WorkerFailed: its worker sent what is no frame: ",
    "os.write(channel(), b'\\0\\0\\0\\x05\\x92\\x06\\xa1a\\x90')": "WorkerFailed: its worker sent what is no frame: ",
    "os.write(channel(), encoded([2, [], {}, []]))": "WorkerFailed: its worker says again that it is ready",
    "raise SystemExit(4)": "SystemExit: 4",
    "raise KeyboardInterrupt": "KeyboardInterrupt: ",
    "raise GeneratorExit": "GeneratorExit: ",
    "raise Mute": "Mute: (its text cannot be rendered: ValueError)",
    "endless()": "RecursionError: maximum recursion depth exceeded",
    "return object()": "EncodeError: a object cannot travel",
    "return (1 / 0 for _ in 'a')": "ZeroDivisionError: division by zero",
    "return 'all is well'": "WrongResult: it returned str, expected is a list of Issue, or None",
}
_HOOKS = """\
import ctypes, os, pickle, sys, time
import msgspec
from plugin_sdk import Issue, hookimpl

class Mute(Exception):
    def __str__(self):
        raise ValueError

def endless():
    return endless()

def channel():
    return int(sys.argv[-1])

def encoded(frame):
    data = msgspec.msgpack.encode(frame)
    return len(data).to_bytes(4, "big") + data

@hookimpl
def record_validate(ctx, new):
    body = CRASHES.get(new["name"])
    if body is not None:
        return body(ctx)
"""
_DECLARED = '[hooks.record_validate]\nrecord_types = ["account"]'


def _crashing() -> str:
    bodies = [f"def crash_{number}(ctx):\n    {body}\n" for number, body in enumerate(_CRASHES)]
    names = ", ".join(f"{body!r}: crash_{number}" for number, body in enumerate(_CRASHES))
    return f"{_HOOKS}\n{''.join(bodies)}\nCRASHES = {{{names}}}\n"


def _remote(app: RunningApp, plugin: str) -> RemotePlugin:
    remote = app.runtime.host.registry.plugins[plugin].remote
    assert remote is not None
    return remote


async def _names(client: Any) -> list[str]:
    return [each["name"] for each in (await client.get("/accounts")).json()["data"]]


def test_whatever_a_worker_does_the_operation_fails_whole_and_the_next_one_works(
    database_url: str, make_plugin: MakePlugin
) -> None:
    plugin = make_plugin("wild", _crashing(), _DECLARED)
    options: dict[str, Any] = {"hook_wall_ms": 300.0, "hook_payload_bytes": 300_000, "breaker_failures": 1000}

    async def scenario() -> dict[str, str]:
        told = {}
        async with running(database_url, plugins=[plugin], tier="isolated", **options) as app:
            client = app.client()
            for number, body in enumerate(_CRASHES):
                answer = await client.post("/accounts", json={"name": body})
                assert answer.status_code == 500, (body, answer.text)
                told[body] = answer.json()["detail"]
                assert (await client.post("/accounts", json={"name": f"after {number}"})).status_code == 201
            assert set(await _names(client)) == {f"after {number}" for number in range(len(_CRASHES))}
        return told

    told = run(scenario())
    assert {body: text for body, text in told.items() if _CRASHES[body] not in text} == {}


def test_calls_at_the_same_time_have_workers_of_their_own(database_url: str, make_plugin: MakePlugin) -> None:
    hooks = """\
import os, time
from plugin_sdk import Issue, Level, hookimpl

@hookimpl
def record_validate(new):
    time.sleep(0.2)
    return [Issue("pid", str(os.getpid()), level=Level.WARNING)]
"""
    plugin = make_plugin("slow", hooks, _DECLARED)

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin], tier="isolated") as app:
            client = app.client()
            names = [f"A{number}" for number in range(3)]
            answers = await asyncio.gather(*(client.post("/accounts", json={"name": name}) for name in names))
            assert [answer.status_code for answer in answers] == [201, 201, 201]
            assert sorted(await _names(client)) == names

    run(scenario())


def test_a_worker_that_died_while_nobody_looked_is_replaced_before_the_call(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    hooks = """\
import os
from plugin_sdk import Issue, Level, hookimpl

@hookimpl
def record_validate(new):
    return [Issue("pid", str(os.getpid()), level=Level.WARNING)]
"""
    plugin = make_plugin("frail", hooks, _DECLARED)

    async def scenario() -> None:
        async with running(sqlite_url, plugins=[plugin], tier="isolated") as app:
            client = app.client()
            pids = []
            for name in ("A", "B", "C"):
                answer = await client.post("/accounts", json={"name": name})
                assert answer.status_code == 201, answer.text
                pids.append(int(answer.headers["crm-warnings"].split('"message": "')[1].split('"')[0]))
                os.kill(pids[-1], signal.SIGKILL)
                await asyncio.to_thread(os.waitid, os.P_PID, pids[-1], os.WEXITED | os.WNOWAIT)
            assert len(set(pids)) == 3

    run(scenario())


def test_a_context_is_dead_after_its_call(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = """\
from plugin_sdk import hookimpl, NotAllowed

KEPT = []

@hookimpl
def record_validate(ctx, new):
    if KEPT:
        for use in (lambda: KEPT[0].tenant_id, lambda: KEPT[0].api, lambda: KEPT[1].get("account", new.id)):
            try:
                use()
            except NotAllowed as error:
                ctx.log.warning("%s", error)
    KEPT[:] = [ctx, ctx.api]
"""
    plugin = make_plugin("hoarder", hooks, _DECLARED)

    async def scenario() -> None:
        async with running(sqlite_url, plugins=[plugin], tier="isolated") as app:
            client = app.client()
            for name in ("A", "B"):
                assert (await client.post("/accounts", json={"name": name})).status_code == 201

    run(scenario())
    assert sum("never keep ctx" in record.getMessage() for record in caplog.records) == 3


def test_no_process_is_left_when_the_server_goes_down(sqlite_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin(
        "quiet", "from plugin_sdk import hookimpl\n@hookimpl\ndef record_validate(new): ...", _DECLARED
    )

    async def scenario() -> list[int]:
        async with running(sqlite_url, plugins=[plugin], tier="isolated") as app:
            assert (await app.client().post("/accounts", json={"name": "A"})).status_code == 201
            return [worker.process.pid for worker in _remote(app, "quiet").workers]

    pids = run(scenario())
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_first_worker_is_there_before_the_first_request(sqlite_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("warm", "from plugin_sdk import hookimpl\n@hookimpl\ndef record_validate(new): ...", _DECLARED)

    async def scenario() -> None:
        async with running(sqlite_url, plugins=[plugin], tier="isolated") as app:
            (worker,) = _remote(app, "warm").workers
            assert (await app.client().post("/accounts", json={"name": "A"})).status_code == 201
            assert _remote(app, "warm").workers == (worker,)
            assert worker.calls == 1

    run(scenario())
