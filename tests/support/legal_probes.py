"""What a worker may do, how it can end, and single walls: more functions for children of ``confined.py``.

Executed as text behind the walls, its imports too.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import hmac
import mimetypes
import os
import secrets
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from crm_core.isolation.confinement import capabilities, confine, landlock, no_new_privs, readable, rlimits, uid
from crm_core.isolation.spec import WorkerSpec

_LIBC = ctypes.CDLL(None, use_errno=True)


def import_late(name: str) -> str:
    return __import__(name, fromlist=["x"]).__name__


def legal_zone() -> str:
    return str(datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")))


def legal_decimal() -> str:
    return str(Decimal("0.1") + Decimal("0.2"))


def legal_hashes() -> str:
    return hashlib.sha256(b"crm").hexdigest()[:8] + hmac.digest(b"key", b"crm", "sha256").hex()[:8]


def legal_chance() -> bool:
    return len(secrets.token_bytes(16)) == 16 and uuid.uuid4() != uuid.uuid4()


def legal_time() -> bool:
    before = time.monotonic()
    time.sleep(0.001)
    return time.monotonic() > before and time.process_time() > 0 and time.localtime().tm_year > 2000


def legal_threads() -> list[int]:
    with ThreadPoolExecutor(4) as executor:
        return list(executor.map(abs, range(-8, 0)))


def legal_asyncio() -> str:
    async def late() -> str:
        await asyncio.sleep(0)
        return await asyncio.to_thread(str, "done")

    return asyncio.run(late())


def legal_memory_database() -> list[int]:
    with sqlite3.connect(":memory:") as connection:
        return list(connection.execute("SELECT 1 + 1").fetchone())


def legal_scratch(folder: str) -> list[str]:
    base = Path(folder, "legal")
    (base / "a" / "b").mkdir(parents=True)
    (base / "a" / "b" / "file.txt").write_text("text", encoding="utf-8")
    (base / "a" / "b" / "file.txt").rename(base / "a" / "moved.txt")
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"text")
    with sqlite3.connect(base / "scratch.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    kept = sorted(each.name for each in base.rglob("*"))
    shutil.rmtree(base)
    return kept


def legal_signal_to_itself() -> bool:
    received = []
    signal.signal(signal.SIGUSR1, lambda *_: received.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    return received == [1]


def legal_mime_type() -> str | None:
    return mimetypes.guess_type("picture.png")[0]


def crash() -> None:
    os.abort()


def leave(status: int) -> None:
    os._exit(status)


def complain(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def complain_for_ever() -> None:
    while True:
        os.write(2, b"again and again\n" * 1000)


def spin_for(seconds: float) -> float:
    while time.process_time() < seconds:
        pass
    return time.process_time()


def spin_for_ever() -> None:
    while True:
        pass


# ------------------------------------------------------------------------------------ one wall by itself


def become_plugin(plugin: str, paths: list[str], scratch: str | None) -> None:
    capabilities.lower_bounds()
    uid.build(WorkerSpec(plugin, tuple(paths), 2**28, frozenset(), scratch), os.uname().machine)


def become_plugin_whatever_is_in_the_way(plugin: str, scratch: str) -> None:
    """Python is loaded already, so the user may change even where a new one could not load it."""
    vars(readable)["obstacle"] = lambda _folders: None
    become_plugin(plugin, [], scratch)


def give_up_capabilities() -> list[int]:
    machine = os.uname().machine
    before = capabilities.effective(machine)
    capabilities.lower_bounds()
    capabilities.build(machine)
    return [before, capabilities.effective(machine)]


def bounding_set() -> list[int]:
    return [number for number in range(64) if _LIBC.prctl(23, number, 0, 0, 0) == 1]


def lower_limits(memory: int, own_uid: bool) -> None:  # noqa: FBT001 - arguments come as a list
    rlimits.build(memory, own_uid=own_uid)


def raise_landlock(paths: list[str], scratch: str | None) -> None:
    no_new_privs.build()
    landlock.build(WorkerSpec("probed", tuple(paths), 2**28, frozenset(), scratch))


def confine_with_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        confine(WorkerSpec("probed", (), 2**28, frozenset()))
    finally:
        stop.set()
        thread.join()
