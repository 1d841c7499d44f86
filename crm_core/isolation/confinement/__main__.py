"""Builds all walls around itself and tells which stand: the other end of ``probe``."""

from __future__ import annotations

import json
import sys

from crm_core.isolation.confinement.walls import confine
from crm_core.isolation.spec import WorkerSpec

_MEMORY = 2**30

if __name__ == "__main__":
    report = confine(WorkerSpec("probe", tuple(json.loads(sys.argv[1])), _MEMORY, frozenset()))
    json.dump([sorted(report.standing), dict(report.missing)], sys.stdout)
