"""Kill worker, host and database at random points, many times: `python -m tests.kills --help`."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.kills.fight import fight, finish, play, told

_DATABASES = ("sqlite", "postgresql")


def main() -> int:
    """Fight on each database in turn; ends with 1 if anything was lost, half done or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=120, help="how many on each database (default: 120)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier run")
    parser.add_argument("--database", choices=_DATABASES, action="append", help="only this one")
    wanted = parser.parse_args()
    seed = secrets.randbelow(10**9) if wanted.seed is None else wanted.seed
    return max(_fight(database, seed, wanted.kills) for database in wanted.database or _DATABASES)


def _fight(database: str, seed: int, kills: int) -> int:
    _say(f"{database}: {kills} kills, --seed {seed}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        # Plugins' workers have an account of their own and must get as far as the packages.
        Path(folder).chmod(0o755)
        with fight(database, Path(folder), seed) as this:
            problems: list[str] = []
            while not problems and this.kills.total() < kills:
                problems = play(this)
            problems = problems or finish(this)
            _say(f"{told(this, seed, time.monotonic() - started)}")
            for problem in problems:
                _say(f"  {problem}")
            if problems:
                _say(this.server.last_words())
    return 1 if problems else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
