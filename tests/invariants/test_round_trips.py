from __future__ import annotations

from tests.invariants.counts import FILE, count, written
from tests.support.app import run


def test_every_operation_costs_what_is_written_down(postgres_url: str, sqlite_url: str) -> None:
    # A number that went down is good news, which the file must tell, too: python -m tests.invariants.counts.
    assert written(run(count(postgres_url)), run(count(sqlite_url))) == FILE.read_text(encoding="utf-8")
