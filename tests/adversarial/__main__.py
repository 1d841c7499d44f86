"""Run every attack at every place, and tell what did harm.

    python -m tests.adversarial [--only WORD] [--place WORD] [--write]

``--only`` takes attacks or families whose name begins with the word, ``--place`` places whose name holds it.
``--write`` puts the table of a whole run into SECURITY.md. Ends with 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
from pathlib import Path

from tests.adversarial.places import PLACES, Place, Templates, world_at
from tests.adversarial.report import write
from tests.adversarial.run import CASES, Case, is_well
from tests.support import databases
from tests.support.postgres import PostgresServer, build_template

Results = dict[Place, dict[str, tuple[str, ...]]]


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.adversarial", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--place", default="")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    cases = [case for case in CASES if case.family.startswith(chosen.only) or case.name.startswith(chosen.only)]
    places = [place for place in PLACES if chosen.place in str(place)]
    with tempfile.TemporaryDirectory() as folder:
        templates = _templates(Path(folder))
        results: Results = {}
        wrong = 0
        for number, place in enumerate(places):
            inside = Path(folder) / str(number)
            inside.mkdir()
            results[place], failed = _attack(place, inside, templates, cases)
            wrong += failed
    if chosen.write and (cases, places) == (list(CASES), list(PLACES)):
        write(results)
    return int(wrong > 0)


def _attack(
    place: Place, folder: Path, templates: Templates, cases: list[Case]
) -> tuple[dict[str, tuple[str, ...]], int]:
    harms: dict[str, tuple[str, ...]] = {}
    wrong = 0
    with world_at(place, folder, templates) as world:
        for case in cases:
            outcome = case.run(world, place)
            well = is_well(case, outcome, place)
            wrong += not well
            told = "" if well and not outcome.harms else f" {'; '.join(outcome.harms)} {outcome.answer[:300]}"
            line = f"{'' if well else '!!! '}{place}: {case.family}: {case.name}: {outcome.status}{told}"
            print(line, flush=True)  # noqa: T201 - a command
            # Something legal that was refused did no harm, and counts all the same.
            harms[case.name] = outcome.harms or (() if well else ("refused",))
    return harms, wrong


def _templates(folder: Path) -> Templates:
    @functools.cache
    def sqlite() -> Path:
        return databases.build_sqlite_template(folder / "template.db", databases.prepare_template)

    @functools.cache
    def server() -> PostgresServer:
        state = folder / "postgres"
        state.mkdir()
        return PostgresServer.open(state)

    @functools.cache
    def postgres() -> str:
        return build_template(server(), databases.prepare_template)

    return Templates(sqlite, server, postgres)


if __name__ == "__main__":
    sys.exit(main())
