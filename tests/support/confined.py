"""Children that call the functions of ``probes.py`` and ``legal_probes.py``, inside a worker's walls or outside."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_core.isolation.channel import ChannelTimeout
from crm_core.isolation.process import WorkerProcess
from crm_core.isolation.spec import WorkerSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 256 * 2**20
_CHILD = Path(__file__).with_name("probed_child.py")
_PROBES = [Path(__file__).with_name(name) for name in ("probes.py", "legal_probes.py")]
_SECONDS = 30


class Raised(Exception):
    """A probe raised an error; ``name`` is that of its class."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class Child:
    """A running child."""

    def __init__(self, process: WorkerProcess, *, confined: bool) -> None:
        self.process = process
        order = {"confined": confined, "probes": [each.read_text(encoding="utf-8") for each in _PROBES]}
        process.channel.send(json.dumps(order).encode())
        self.standing, self.missing, self.scratch = self._answer()

    def call(self, probe: str, *arguments: Any) -> Any:
        """Return what a probe returns; raises Raised."""
        self.process.channel.send(json.dumps([probe, arguments]).encode())
        answer = self._answer()
        if "raised" in answer:
            raise Raised(answer["raised"], answer["text"])
        return answer["returned"]

    def _answer(self) -> Any:
        try:
            return json.loads(self.process.channel.receive(time.monotonic() + _SECONDS))
        except ChannelTimeout:
            # Its answer may come yet, and would be taken for that of the next question.
            self.process.kill()
            raise


@contextmanager
def child(*, confined: bool, paths: tuple[str, ...] = (), require: frozenset[str] = frozenset()) -> Iterator[Child]:
    """Give a child; it is gone afterwards."""
    process = WorkerProcess.start(
        WorkerSpec("probed", paths, MEMORY, require), ("-c", _CHILD.read_text(encoding="utf-8"))
    )
    try:
        yield Child(process, confined=confined)
    finally:
        process.kill()
