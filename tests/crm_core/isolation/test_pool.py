from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.isolation import pool, protocol
from crm_core.isolation.pool import Pool, WorkerFailed
from crm_core.isolation.spec import WorkerSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.pool import Worker
    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin


def pool_of(plugin: Discovered) -> Pool:
    assert plugin.package is not None
    walls = frozenset({"seccomp", "rlimits", "no_new_privs"})
    spec = WorkerSpec(plugin.id, (str(plugin.package.parent),), 512 * 2**20, walls)
    return Pool(spec, protocol.Start(plugin.id, plugin.label, plugin.module))


def here(function: Callable[[], Worker]) -> Worker:
    """Wait in this thread."""
    return function()


def never(_: Callable[[], Worker]) -> Worker:
    """Fail where a call would have to wait."""
    pytest.fail("no worker was free")


def is_gone(worker: Worker) -> bool:
    """Tell whether nothing is left of a process, not even its entry."""
    try:
        os.kill(worker.process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_worker_is_used_again(make_plugin: MakePlugin) -> None:
    with closing(pool_of(make_plugin("steady", ""))) as workers:
        first = workers.open()
        assert workers.acquire(never) is first
        workers.release(first)
        assert workers.acquire(never) is first
        assert (first.calls, workers.started, workers.replaced) == (1, 1, 0)


def test_another_worker_takes_the_place_of_one_that_was_killed(make_plugin: MakePlugin) -> None:
    with closing(pool_of(make_plugin("mortal", ""))) as workers:
        pids = [workers.open().process.pid]
        for _ in range(2):
            worker = workers.acquire(here)
            os.kill(worker.process.pid, signal.SIGKILL)
            workers.discard(worker, "the test has killed it")
            fresh = workers.acquire(here)
            workers.release(fresh)
            pids.append(fresh.process.pid)
        assert len(set(pids)) == 3
        assert (workers.started, workers.replaced) == (3, 2)
    assert is_gone(fresh)


def test_calls_in_two_threads_have_a_worker_each(make_plugin: MakePlugin) -> None:
    both = threading.Barrier(2, timeout=30)

    def call(_: int) -> int:
        worker = workers.acquire(here)
        both.wait()
        workers.release(worker)
        return worker.process.pid

    with closing(pool_of(make_plugin("wide", ""))) as workers, ThreadPoolExecutor(2) as threads:
        workers.open()
        assert len(set(threads.map(call, range(2)))) == 2
        assert len(workers.workers) == 2


def test_who_waits_gets_the_worker_that_is_given_back(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST_WORKERS", 1)
    waits = threading.Event()

    def elsewhere(function: Callable[[], Worker]) -> Worker:
        waits.set()
        return function()

    with closing(pool_of(make_plugin("single", ""))) as workers, ThreadPoolExecutor(1) as threads:
        workers.open()
        only = workers.acquire(never)
        waiting = threads.submit(workers.acquire, elsewhere)
        assert waits.wait(30)
        workers.release(only)
        assert waiting.result(30) is only
        assert workers.started == 1


def test_a_call_does_not_wait_for_ever(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST_WORKERS", 1)
    with closing(pool_of(make_plugin("busy", ""))) as workers:
        workers.open()
        only = workers.acquire(never)
        monkeypatch.setattr(pool, "START_SECONDS", 0.1)
        with pytest.raises(WorkerFailed, match="none of its 1 workers was free within 0 s"):
            workers.acquire(here)
        workers.release(only)
        assert workers.acquire(never) is only


def test_the_workers_of_two_plugins_know_nothing_of_each_other(make_plugin: MakePlugin) -> None:
    one, other = pool_of(make_plugin("one", "")), pool_of(make_plugin("other", ""))
    with closing(one), closing(other):
        first, second = one.open(), other.open()
        one.acquire(never)
        one.discard(first, "the test has had enough of it")
        assert other.acquire(never) is second
        assert second.process.ended() is None
        assert one.acquire(here).process.pid not in {first.process.pid, second.process.pid}
        assert (one.replaced, other.replaced) == (1, 0)


def test_a_worker_that_has_grown_is_replaced(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_CALLS_BETWEEN_LOOKS", 2)
    with closing(pool_of(make_plugin("growing", ""))) as workers:
        first = workers.open()
        monkeypatch.setattr(pool, "_MEMORY_SHARE", 0.0)
        workers.release(workers.acquire(never))
        workers.release(workers.acquire(never))
        assert workers.acquire(here) is not first
        assert (first.calls, workers.replaced) == (2, 1)


def test_workers_that_nobody_needs_are_ended_but_for_one(
    make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = pool_of(make_plugin("idle", ""))
    with closing(workers):
        for _ in range(3):
            workers.open()
        monkeypatch.setattr(pool, "_IDLE_SECONDS", -1.0)
        before = workers.workers
        left = workers.acquire(never)
        assert workers.workers == (left,)
        assert workers.replaced == 0
    assert all(map(is_gone, before))


def test_a_plugin_that_can_no_longer_be_loaded_fails_its_calls_until_it_can(make_plugin: MakePlugin) -> None:
    plugin = make_plugin("fickle", "")
    assert plugin.package is not None
    hooks = plugin.package / "hooks.py"
    with closing(pool_of(plugin)) as workers:
        workers.open()
        hooks.write_text("import of_nothing")
        workers.discard(workers.acquire(never), "the test has had enough of it")
        for _ in range(2):
            with pytest.raises(WorkerFailed, match=r"cannot be loaded: ModuleNotFoundError: No module .*of_nothing"):
                workers.acquire(here)
        hooks.write_text("")
        assert workers.acquire(here).process.ended() is None


def test_a_wall_that_cannot_stand_is_named_with_what_to_do(make_plugin: MakePlugin) -> None:
    plugin = make_plugin("walled", "raise SystemExit('the plugin has run')")
    assert plugin.package is not None
    spec = WorkerSpec(plugin.id, (str(plugin.package.parent),), 512 * 2**20, frozenset({"seccomp", "moat"}))
    unwalled = Pool(spec, protocol.Start(plugin.id, plugin.label, plugin.module))
    with closing(unwalled), pytest.raises(WorkerFailed) as caught:
        unwalled.open()
    assert str(caught.value) == (
        f"{plugin.module} cannot be loaded: plugin walled may not run here: walls that must stand around it are "
        "missing (moat: there is no wall of this name); put right what is in their way, or take these walls out of "
        "CRM_ISOLATION_REQUIRE"
    )


def test_a_plugin_that_takes_too_long_to_load_is_given_up(
    make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "START_SECONDS", 1.0)
    with (
        closing(pool_of(make_plugin("slow", "while True: pass"))) as workers,
        pytest.raises(WorkerFailed, match=r"slow\.hooks cannot be loaded: it took longer than 1 s"),
    ):
        workers.open()


def test_closing_ends_every_worker_and_every_wait(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST_WORKERS", 1)
    waits = threading.Event()

    def elsewhere(function: Callable[[], Worker]) -> Any:
        waits.set()
        return function()

    workers = pool_of(make_plugin("ended", ""))
    workers.open()
    busy = workers.acquire(never)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(workers.acquire, elsewhere)
        assert waits.wait(30)
        workers.close()
        with pytest.raises(WorkerFailed, match="its workers have been ended, the server is going down"):
            waiting.result(30)
    assert is_gone(busy)
    workers.discard(busy, "its channel is closed")
    with pytest.raises(WorkerFailed, match="the server is going down"):
        workers.acquire(here)
