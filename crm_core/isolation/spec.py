"""What a worker is told about itself before it does anything: whose code it runs and what it may have."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker: the plugin, what it may read, how much memory it may have, and which walls must stand."""

    plugin: str
    paths: tuple[str, ...]
    """Entries for ``sys.path``; all below them may be read by the plugin, so no data may live there."""
    memory_bytes: int
    require: frozenset[str]
    """The walls without which no line of the plugin runs (``crm_core.isolation.confinement.WALLS``)."""
    scratch: str | None = None
    """The only folder the worker may write in; ``WorkerProcess.start`` makes one of its own and removes it."""

    def to_frame(self) -> bytes:
        """Return the first frame a worker receives."""
        return json.dumps(
            {
                "plugin": self.plugin,
                "paths": self.paths,
                "memory_bytes": self.memory_bytes,
                "require": sorted(self.require),
                "scratch": self.scratch,
            }
        ).encode()

    @classmethod
    def from_frame(cls, frame: bytes) -> WorkerSpec:
        """Read the first frame; it comes from the host, whom a worker trusts."""
        fields = json.loads(frame)
        return cls(
            plugin=fields["plugin"],
            paths=tuple(fields["paths"]),
            memory_bytes=fields["memory_bytes"],
            require=frozenset(fields["require"]),
            scratch=fields["scratch"],
        )
