"""What a worker's plugin may try, tried in two children: one without walls, where it succeeds, and one behind them."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.isolation.confinement import WALLS
from tests.support.confined import MEMORY, Child, Raised, child

if TYPE_CHECKING:
    from collections.abc import Iterator

_IS_ROOT = os.geteuid() == 0
_TEXT = "postgresql://crm:secret@db/crm"
_HUGE = 4 * MEMORY
_LATE = 30


@dataclass(frozen=True)
class Attempt:
    """One thing to try: what comes of it without walls ("14" is an error number), and what walls make of it."""

    probe: str
    arguments: tuple[Any, ...] = ()
    outside: Any = True
    inside: str = "PermissionError"
    only_root: bool = False
    """Refused to ordinary users without any wall of ours."""
    holds: bool = False
    """Who succeeds keeps hold of the other process, which has not ended before the one that made the attempt has."""

    def __str__(self) -> str:
        first = self.arguments[0] if self.arguments else ""
        return f"{self.probe}-{first}" if isinstance(first, str) else self.probe


_FILES = [
    Attempt("read", ("{folder}/secret.txt",), _TEXT),
    Attempt("read", ("/proc/{host}/environ",), ...),
    Attempt("read", ("/proc/self/environ",), ...),
    Attempt("read", ("/etc/passwd",), ...),
    Attempt("read", ("/etc/shadow",), ..., only_root=True),
    Attempt("entries", ("{folder}",), ["account.db", "secret.txt"]),
    Attempt("entries", ("/proc",), ...),
    Attempt("write", ("{folder}/new.txt",), 7),
    Attempt("write", ("{folder}/secret.txt",), 7),
    Attempt("write", ("/proc/self/oom_score_adj",), "22"),
    Attempt("write_here", ("{folder}",), 7),
    Attempt("write_in_temporary_folder", ("{temporary}",)),
    Attempt("write_in_database", ("{folder}/account.db",), 1, "OperationalError"),
    Attempt("append_to_log", ("{folder}/secret.txt",), 7),
    Attempt("remove", ("{folder}/secret.txt",)),
    Attempt("rename", ("{folder}/secret.txt", "{folder}/moved.txt")),
    Attempt("make_folder", ("{folder}/new",)),
    Attempt("truncate", ("{folder}/secret.txt",), 0),
    Attempt("make_unreadable", ("{folder}/secret.txt",), 0),
    Attempt("read_through_symlink", ("{scratch}/link", "{folder}/secret.txt"), _TEXT),
    Attempt("read_through_hard_link", ("{scratch}/link", "{folder}/secret.txt"), ...),
    Attempt("read_through_dots", ("{scratch}", "{folder}/secret.txt"), _TEXT),
    Attempt("make_fifo", ("{scratch}/fifo",)),
]
_NETWORK = [
    Attempt("connect_to_socket", ("{socket}",)),
    Attempt("connect_to_abstract_socket", ("{abstract}",)),
    Attempt("connect_to_port", ("{port}",)),
    Attempt("listen"),
    *(Attempt("make_socket", (family, kind)) for family in (1, 2, 10, 16) for kind in (2,)),
    Attempt("make_socket", (2, 1)),
    Attempt("send_to_name", ("{datagrams}",), 5),
]
_PROCESSES = [
    Attempt("fork", (), 7),
    Attempt("spawn", (), 0),
    Attempt("run", (), 0),
    Attempt("execute", ("{folder}/nothing",), "2"),
    Attempt("execute", (sys.executable,), ...),
    Attempt("signal_to", ("{host}", 0)),
    Attempt("signal_to", ("{target}", 0)),
    Attempt("signal_to", ("{target}", signal.SIGTERM)),
    Attempt("signal_to", (-1, 0)),
    Attempt("signal_to_thread", ("{target}",), 0),
    Attempt("limit_other", ("{target}",)),
    Attempt("own_signals_of", ("{target}",), 0),
    Attempt("outlive_host", (), 0),
]
_CALLS = [
    Attempt("call", ("ptrace", 0x4206, "{target}", 0, 0), 0, holds=True),
    Attempt("call", ("process_vm_readv", "{target}", 0, 0, 0, 0, 0), 0),
    Attempt("call", ("process_vm_writev", "{target}", 0, 0, 0, 0, 0), 0),
    Attempt("call", ("pidfd_open", "{target}", 0), ...),
    Attempt("call", ("pidfd_getfd", -1, 0, 0), "9"),
    Attempt("call", ("unshare", 0), 0),
    Attempt("call", ("setns", -1, 0), "9"),
    Attempt("call", ("mount", 0, 0, 0, 0, 0), "14"),
    Attempt("call", ("fsopen", 0, 0), "14", only_root=True),
    Attempt("call", ("open_tree", -1, 0, 0), "14"),
    Attempt("call", ("memfd_create", 0, 0), "14"),
    Attempt("call", ("io_uring_setup", 1, 0), ...),
    Attempt("call", ("bpf", 99, 0, 0), ..., only_root=True),
    Attempt("call", ("perf_event_open", 0, 0, 0, 0, 0), ...),
    Attempt("call", ("userfaultfd", -1), ...),
    Attempt("call", ("personality", -1), 0),
    Attempt("call", ("keyctl", 99), ...),
    Attempt("call", ("add_key", 0, 0, 0, 0, 0), ...),
    Attempt("call", ("name_to_handle_at", -1, 0, 0, 0, 0), ...),
    Attempt("call", ("seccomp", 99, 0, 0), "22"),
    Attempt("call", ("clone3", 0, 0), "22", "OSError: [Errno 38]"),
]
_RESOURCES = [
    Attempt("allocate", (_HUGE,), _HUGE, "MemoryError"),
    Attempt("allocate_shared", (_HUGE,), _HUGE),
    Attempt("start_threads", (200,), 200, "RuntimeError: can't start new thread"),
    Attempt("open_many", (100,), 100, "OSError: [Errno 24]"),
    Attempt("write_much", ("{scratch}",), 32 * 2**20, "OSError: [Errno 27]"),
    *(Attempt("raise_limit", (f"RLIMIT_{name}",), ..., "ValueError") for name in ("AS", "DATA", "CORE", "NOFILE")),
]


class Surroundings:
    """What there is to attack: files, sockets, and a process that is not ours to touch."""

    def __init__(self, base: Path, folder: Path, stack: ExitStack) -> None:
        self._base = base
        self._stack = stack
        self.target = subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE)
        stack.callback(self._end_target)
        abstract = f"crm-{os.getpid()}-{base.name}"
        self._listen(socket.AF_UNIX, str(base / "s"))
        self._listen(socket.AF_UNIX, "\0" + abstract)
        port = self._listen(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        datagrams = stack.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
        datagrams.bind(str(base / "d"))
        self.names = {
            "{folder}": str(folder),
            "{temporary}": tempfile.gettempdir(),
            "{socket}": str(base / "s"),
            "{datagrams}": str(base / "d"),
            "{abstract}": abstract,
            "{port}": port,
            "{host}": os.getpid(),
            "{target}": self.target.pid,
        }

    def _end_target(self) -> None:
        self.target.kill()
        self.target.wait(_LATE)
        assert self.target.stdin is not None
        self.target.stdin.close()

    def _listen(self, family: int, address: Any) -> socket.socket:
        each = self._stack.enter_context(closing(socket.socket(family)))
        each.bind(address)
        each.listen()
        return each

    def named(self, arguments: tuple[Any, ...], scratch: str) -> list[Any]:
        names = {**self.names, "{scratch}": scratch}
        return [self._name(each, names) if isinstance(each, str) else each for each in arguments]

    @staticmethod
    def _name(argument: str, names: dict[str, Any]) -> Any:
        if argument in names:
            return names[argument]
        for name, value in names.items():
            argument = argument.replace(name, str(value))
        return argument


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[Surroundings]:
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "secret.txt").write_text(_TEXT, encoding="utf-8")
    with closing(sqlite3.connect(folder / "account.db")) as connection:
        connection.execute("CREATE TABLE account (id)")
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Surroundings(base, folder, stack)


@pytest.fixture(scope="module")
def confined() -> Iterator[Child]:
    """Give one child behind all walls; it survives every attempt, which is why one is enough."""
    with child(confined=True) as each:
        yield each


@pytest.fixture(scope="module")
def free() -> Iterator[Child]:
    """Give one child without walls."""
    with child(confined=False) as each:
        yield each


def _outcome(each: Child, attempt: Attempt, surroundings: Surroundings) -> Any:
    try:
        return each.call(attempt.probe, *surroundings.named(attempt.arguments, each.scratch))
    except Raised as error:
        return error


def _outcome_in_own_child(attempt: Attempt, surroundings: Surroundings) -> Any:
    with child(confined=False) as each:
        return _outcome(each, attempt, surroundings)


@pytest.mark.parametrize("attempt", [*_FILES, *_NETWORK, *_PROCESSES, *_CALLS, *_RESOURCES], ids=str)
def test_what_succeeds_outside_is_stopped_inside(
    attempt: Attempt, surroundings: Surroundings, confined: Child, free: Child
) -> None:
    inside = _outcome(confined, attempt, surroundings)
    assert isinstance(inside, Raised), f"the walls let {attempt} pass: {inside!r}"
    assert str(inside).startswith(attempt.inside)
    assert surroundings.target.poll() is None
    if attempt.outside is ... or (attempt.only_root and not _IS_ROOT):
        return  # depends on the machine, or would end the child
    outside = _outcome_in_own_child(attempt, surroundings) if attempt.holds else _outcome(free, attempt, surroundings)
    if isinstance(attempt.outside, str) and attempt.outside.isdigit():
        assert f"[Errno {attempt.outside}]" in str(outside)
    else:
        assert outside == attempt.outside


_LEGAL = [
    ("legal_zone", (), "2026-07-01 14:00:00+02:00"),
    ("legal_decimal", (), "0.3"),
    ("legal_hashes", (), "9261ceef360387f0"),
    ("legal_chance", (), True),
    ("legal_time", (), True),
    ("legal_threads", (), [8, 7, 6, 5, 4, 3, 2, 1]),
    ("legal_asyncio", (), "done"),
    ("legal_memory_database", (), [2]),
    ("legal_scratch", ("{scratch}",), ["a", "b", "moved.txt", "scratch.db"]),
    ("legal_signal_to_itself", (), True),
    ("legal_mime_type", (), "image/png"),
    ("write_in_temporary_folder", ("{scratch}",), True),
    ("allocate", (MEMORY // 4,), MEMORY // 4),
    *(
        ("import_late", (name,), name)
        for name in ("json", "re", "decimal", "sqlite3", "ssl", "email.mime.text", "concurrent.futures", "xml.etree")
    ),
    *(("import_late", (name,), name) for name in ("plugin_sdk", "plugin_sdk.db", "sqlalchemy.orm", "msgspec")),
]


@pytest.mark.parametrize(("probe", "arguments", "expected"), _LEGAL)
def test_what_a_plugin_needs_works_inside(
    probe: str, arguments: tuple[Any, ...], expected: Any, surroundings: Surroundings, confined: Child
) -> None:
    assert confined.call(probe, *surroundings.named(arguments, confined.scratch)) == expected


def test_all_walls_stand_but_that_of_the_uid_where_something_is_in_its_way(confined: Child) -> None:
    assert set(confined.standing) | set(confined.missing) == set(WALLS)
    assert set(confined.missing) <= {"uid"}
    if not _IS_ROOT:
        assert "only root can give each plugin a user of its own" in confined.missing["uid"]


def test_the_environment_has_nothing_of_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", _TEXT)
    with child(confined=True) as each:
        environment = each.call("environment")
        assert environment.pop("TMPDIR") == each.scratch
    assert environment.pop("MALLOC_ARENA_MAX") == "2"
    assert set(environment) <= {"LC_CTYPE", "LD_LIBRARY_PATH"}


def test_no_descriptor_of_the_hosts_is_open(surroundings: Surroundings) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003 - the standard library's signature
    try:
        with child(confined=True) as each:
            assert surroundings.names["{port}"]
            assert each.call("descriptors") == sorted([0, 1, 2, each.call("socket_descriptor")])
    finally:
        os.close(reader)
        os.close(writer)


def test_a_folder_of_the_plugin_may_be_read_and_not_written(surroundings: Surroundings) -> None:
    folder = surroundings.names["{folder}"]
    with child(confined=True, paths=(folder,)) as each:
        assert each.call("read", f"{folder}/secret.txt") == _TEXT
        with pytest.raises(Raised, match="PermissionError"):
            each.call("write", f"{folder}/new.txt")


def test_a_namespace_of_its_own_cannot_be_had_by_a_clone(confined: Child) -> None:
    with pytest.raises(Raised, match=r"PermissionError: \[Errno 1\]"):
        confined.call("make_user_namespace_in_child")


def test_the_limits_are_what_the_spec_says(confined: Child) -> None:
    limits = confined.call("limits")
    assert limits["RLIMIT_DATA"] == [MEMORY, MEMORY]
    assert limits["RLIMIT_CORE"] == [0, 0]
    assert limits["RLIMIT_CPU"][1] == resource.getrlimit(resource.RLIMIT_CPU)[1]


def test_a_thread_that_runs_already_would_be_outside() -> None:
    with child(confined=False) as each, pytest.raises(Raised, match=r"ConfinementError.*2 threads"):
        each.call("confine_with_threads")
