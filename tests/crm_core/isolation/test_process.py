from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crm_core.isolation.channel import ChannelClosed, ChannelTimeout
from crm_core.isolation.process import WorkerProcess, WorkerSpec
from tests.support.confined import MEMORY, Child, child

_LATE = 30.0
_SPEC = WorkerSpec("probed", (), MEMORY, frozenset())
_ECHO = """
import sys
from crm_core.isolation.attach import attach

channel, spec = attach(sys.argv)
while True:
    channel.send(channel.receive())
"""
_HOST = f"""
import sys
from crm_core.isolation.process import WorkerProcess, WorkerSpec

program = '''
import sys
from crm_core.isolation.attach import attach
from crm_core.isolation.confinement import confine

channel, spec = attach(sys.argv)
confine(spec)
channel.send(b"confined")
while True:
    pass
'''
worker = WorkerProcess.start(WorkerSpec("probed", (), {MEMORY}, frozenset()), ("-c", program))
assert worker.channel.receive() == b"confined"
print(worker.pid, flush=True)
input()
"""


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _wait_until_ended(worker: WorkerProcess) -> str:
    pidfd = os.pidfd_open(worker.pid)
    try:
        assert select.select([pidfd], [], [], _LATE)[0] == [pidfd]
    finally:
        os.close(pidfd)
    ended = worker.ended()
    assert ended is not None
    return ended


def _call_without_answer(each: Child, probe: str, *arguments: object) -> str:
    with pytest.raises(ChannelClosed):
        each.call(probe, *arguments)
    return _wait_until_ended(each.process)


def test_a_worker_answers_until_it_is_killed_and_nothing_is_left() -> None:
    worker = WorkerProcess.start(_SPEC, ("-c", _ECHO))
    worker.channel.send(b"hello")
    assert worker.channel.receive(time.monotonic() + _LATE) == b"hello"
    assert worker.ended() is None
    for _ in range(2):
        worker.kill()
        assert worker.ended() == "was killed by SIGKILL"
    assert not _exists(worker.pid)
    assert worker.channel.fileno() == -1
    with pytest.raises(ChannelClosed):
        worker.channel.send(b"more")


def test_killing_from_two_threads_at_once() -> None:
    worker = WorkerProcess.start(_SPEC, ("-c", _ECHO))
    threads = [threading.Thread(target=worker.kill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.ended() == "was killed by SIGKILL"
    assert not _exists(worker.pid)


def test_the_scratch_folder_is_private_and_goes_with_the_worker() -> None:
    with child(confined=False) as each:
        folder = Path(each.scratch)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert each.call("write", f"{folder}/left.txt") == 7
    assert not folder.exists()


def test_how_a_worker_ends_is_told_in_words() -> None:
    with child(confined=True) as each:
        assert _call_without_answer(each, "leave", 3) == "exited with status 3"
    with child(confined=True) as each:
        assert _call_without_answer(each, "crash") == "was killed by SIGABRT"
    with child(confined=False) as each:
        os.kill(each.process.pid, signal.SIGRTMIN + 1)
        assert _wait_until_ended(each.process) == f"was killed by signal {signal.SIGRTMIN + 1}"


def test_a_worker_that_cannot_start_says_why_in_its_last_words() -> None:
    worker = WorkerProcess.start(_SPEC, ("-c", "raise SystemExit('no such plugin')"))
    with pytest.raises(ChannelClosed):
        worker.channel.receive(time.monotonic() + _LATE)
    assert _wait_until_ended(worker) == "exited with status 1"
    assert worker.last_words() == "no such plugin"
    worker.kill()
    assert worker.ended() == "exited with status 1"


def test_a_missing_wall_that_is_required_ends_the_worker_before_anything_runs() -> None:
    spec = WorkerSpec("loyalty", (), MEMORY, frozenset({"moat"}))
    program = _ECHO.replace("\nwhile", "\nfrom crm_core.isolation.confinement import confine\nconfine(spec)\nwhile")
    worker = WorkerProcess.start(spec, ("-c", program))
    with pytest.raises(ChannelClosed):
        worker.channel.receive(time.monotonic() + _LATE)
    assert _wait_until_ended(worker) == "exited with status 1"
    assert "plugin loyalty may not run here" in worker.last_words()
    assert "moat: there is no wall of this name" in worker.last_words()
    worker.kill()


def test_last_words_are_the_end_and_cannot_fool_a_terminal() -> None:
    with child(confined=True) as each:
        each.call("complain", "x" * 20_000 + "\nbad \x1b[2J\r\x00 word\n")
        each.process.kill()
        words = each.process.last_words()
    assert words.endswith("bad \\x1b[2J\n\\x00 word")
    assert len(words) < 10_000


def test_output_without_end_does_not_stop_the_host() -> None:
    with child(confined=True) as each:
        with pytest.raises(ChannelTimeout):
            each.process.channel.receive(_order(each, "complain_for_ever") + 0.3)
        assert each.process.ended() is None
        each.process.kill()
        assert len(each.process.last_words()) <= 8 * 2**10


def test_processor_time_and_memory_are_measured() -> None:
    with child(confined=True) as each:
        used = each.call("spin_for", 0.2)
        assert used <= each.process.cpu_seconds() < used + 1
        before = each.process.memory_bytes()
        assert 2**22 < before < MEMORY
        each.process.kill()
        assert each.process.memory_bytes() == 0
        assert each.process.cpu_seconds() >= used


def test_a_worker_outlives_the_thread_that_asked_for_it() -> None:
    started: list[Child] = []
    contexts = child(confined=True)
    thread = threading.Thread(target=lambda: started.append(contexts.__enter__()))
    thread.start()
    thread.join()
    try:
        assert started[0].call("legal_decimal") == "0.3"
        assert started[0].process.ended() is None
    finally:
        contexts.__exit__(None, None, None)


def test_a_worker_does_not_outlive_its_host_even_when_it_never_looks_up(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", _HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as host:
        assert host.stdout is not None
        pidfd = os.pidfd_open(int(host.stdout.readline()))
        try:
            host.kill()
            assert select.select([pidfd], [], [], _LATE)[0] == [pidfd]
        finally:
            os.close(pidfd)


def test_a_program_that_is_not_there_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError):
        WorkerProcess.start(_SPEC)
    assert list(tmp_path.iterdir()) == []


def _order(each: Child, probe: str) -> float:
    each.process.channel.send(f'["{probe}", []]'.encode())
    return time.monotonic()
