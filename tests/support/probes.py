"""What a worker tries to do: each function is one attempt, called by name in a child of ``confined.py``.

Executed as text behind the walls, so it imports nothing but the standard library and the walls themselves.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_COLUMN = ("x86_64", "aarch64").index(os.uname().machine)
_CALLS = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clone": (56, 220),
    "clone3": (435, 435),
    "fsopen": (430, 430),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "mount": (165, 40),
    "name_to_handle_at": (303, 264),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "seccomp": (317, 277),
    "setns": (308, 268),
    "tkill": (200, 130),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}


# ------------------------------------------------------------------------------------------------ files


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def entries(path: str) -> list[str]:
    return sorted(os.listdir(path))  # noqa: PTH208 - the plain call, nothing around it


def write(path: str) -> int:
    return Path(path).write_text("written", encoding="utf-8")


def write_here(folder: str) -> int:
    os.chdir(folder)
    return Path("here.txt").write_text("written", encoding="utf-8")


def write_in_temporary_folder(folder: str) -> bool:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        return Path(file.name).exists()


def write_in_database(path: str) -> int:
    with sqlite3.connect(path) as connection:
        return connection.execute("INSERT INTO account VALUES (2)").rowcount


def append_to_log(path: str) -> int:
    return os.write(os.open(path, os.O_WRONLY | os.O_APPEND), b"written")


def remove(path: str) -> bool:
    Path(path).unlink()
    return not Path(path).exists()


def rename(path: str, to: str) -> bool:
    Path(path).rename(to)
    return Path(to).exists()


def make_folder(path: str) -> bool:
    Path(path).mkdir()
    return Path(path).is_dir()


def truncate(path: str) -> int:
    os.truncate(path, 0)
    return Path(path).stat().st_size


def make_unreadable(path: str) -> int:
    Path(path).chmod(0)
    return Path(path).stat().st_mode & 0o777


def read_through_symlink(link: str, target: str) -> str:
    Path(link).symlink_to(target)
    return Path(link).read_text(encoding="utf-8")


def read_through_hard_link(link: str, target: str) -> str:
    Path(link).hardlink_to(target)
    return Path(link).read_text(encoding="utf-8")


def read_through_dots(folder: str, target: str) -> str:
    return (Path(folder) / ".." / os.path.relpath(target, Path(folder).parent)).read_text(encoding="utf-8")


def make_fifo(path: str) -> bool:
    os.mkfifo(path)
    return True


def write_many(folder: str) -> int:
    """Fill the scratch folder, file by file."""
    written = 0
    try:
        for number in range(100):
            written += Path(folder, f"many{number}").write_bytes(bytes(2**20))
    finally:
        for number in range(100):
            Path(folder, f"many{number}").unlink(missing_ok=True)
    return written


def write_much(folder: str) -> int:
    path = Path(folder, "much")
    try:
        return path.write_bytes(bytes(32 * 2**20))
    finally:
        path.unlink()


# ---------------------------------------------------------------------------------------------- network


def connect_to_socket(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as each:
        each.connect(path)
    return True


def connect_to_abstract_socket(name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as each:
        each.connect(b"\0" + name.encode())
    return True


def connect_to_port(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return True


def listen() -> bool:
    with socket.create_server(("127.0.0.1", 0)):
        return True


def make_socket(family: int, kind: int) -> bool:
    with socket.socket(family, kind):
        return True


def send_to_name(path: str) -> int:
    """Send from a pair of datagram sockets: made without naming anyone, it could reach every name."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        return ours.sendto(b"hello", path)


# -------------------------------------------------------------------------------------------- processes


def fork() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def spawn() -> int:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-c", "pass"], {})
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run() -> int:
    return subprocess.run([sys.executable, "-I", "-c", "pass"], check=False).returncode


def execute(path: str) -> None:
    os.execv(path, [path])  # noqa: S606 - no shell is the point


def signal_to(pid: int, number: int) -> bool:
    os.kill(pid, number)
    return True


def signal_to_thread(pid: int) -> int:
    return call("tkill", pid, 0)


def limit_other(pid: int) -> bool:
    return bool(resource.prlimit(pid, resource.RLIMIT_CORE))


def own_signals_of(pid: int) -> int:
    """Let a pipe signal somebody when something arrives: it could be any process of the same user."""
    reader, _ = os.pipe()
    return fcntl.fcntl(reader, fcntl.F_SETOWN, pid)


def outlive_host() -> int:
    return _checked(_LIBC.prctl(1, 0, 0, 0, 0))


def call(name: str, *arguments: int) -> int:
    words = [ctypes.c_long(each) for each in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(_CALLS[name][_COLUMN]), *words))


def raw(number: int, *arguments: int) -> int:
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)))


def make_user_namespace_in_child() -> int:
    return _checked(
        _LIBC.syscall(ctypes.c_long(_CALLS["clone"][_COLUMN]), *map(ctypes.c_long, (0x10000011, 0, 0, 0, 0)))
    )


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


# -------------------------------------------------------------------------------------------- resources


def allocate(size: int) -> int:
    return len(bytearray(size))


def allocate_shared(size: int) -> int:
    with mmap.mmap(-1, size) as memory:
        return len(memory)


def start_threads(number: int) -> int:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(number)]
    started = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
    finally:
        stop.set()
        for thread in started:
            thread.join()
    return len(started)


def open_many(number: int) -> int:
    descriptors = []
    try:
        for _ in range(number):
            descriptors.append(os.dup(0))  # noqa: PERF401 - what was opened is closed, however far it got
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return len(descriptors)


def raise_limit(name: str) -> list[int]:
    limit = getattr(resource, name)
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (hard + 1, hard + 1))
    return list(resource.getrlimit(limit))


def limits() -> dict[str, list[int]]:
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: list(resource.getrlimit(getattr(resource, name))) for name in names}


# ---------------------------------------------------------------------------------------- who it can be


def become(uid: int) -> list[int]:
    os.setresuid(uid, uid, uid)
    return list(os.getresuid())


def become_group(gid: int) -> list[int]:
    os.setresgid(gid, gid, gid)
    return list(os.getresgid())


def ids() -> list[list[int]]:
    return [list(os.getresuid()), list(os.getresgid()), os.getgroups()]


def change_root(folder: str) -> bool:
    os.chroot(folder)
    return True


def environment() -> dict[str, str]:
    return dict(os.environ)


def descriptors() -> list[int]:
    found = []
    for each in range(4096):
        try:
            os.fstat(each)
        except OSError:
            continue
        found.append(each)
    return found


def socket_descriptor() -> int:
    return int(sys.argv[-1])
