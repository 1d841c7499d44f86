"""The table of results in SECURITY.md: how many attacks of each family did harm at each place, and which."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from tests.adversarial.places import PLACES
from tests.adversarial.residue import RESIDUE
from tests.adversarial.run import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.adversarial.places import Place

PAGE = Path(__file__).parents[2] / "SECURITY.md"
BEGIN = "<!-- attacks: python -m tests.adversarial --write -->"
END = "<!-- end of attacks -->"


def write(results: Mapping[Place, Mapping[str, tuple[str, ...]]]) -> None:
    """Put the table of a whole run into SECURITY.md, in the place of the one that is there."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{table(results)}\n{residue()}\n{END}{tail}", encoding="utf-8")


def table(results: Mapping[Place, Mapping[str, tuple[str, ...]]]) -> str:
    """Return the table: a line per family, a column per place."""
    day = dt.datetime.now(dt.UTC).date()
    lines = [
        f"Run on {day} with `python -m tests.adversarial`: attacks that did harm, of all of the family.",
        "",
        f"| Family | {' | '.join(map(str, PLACES))} |",
        f"|---|{'---:|' * len(PLACES)}",
    ]
    names = attacks()
    for family in sorted(names):
        cells = [_count(results[place], names[family]) for place in PLACES]
        lines.append(f"| {family.replace('_', ' ')} | {' | '.join(cells)} |")
    everything = [name for family in names.values() for name in family]
    lines.append(f"| **all** | {' | '.join(_count(results[place], everything) for place in PLACES)} |")
    legal = [case.name for case in CASES if case.control]
    lines.append(f"| legal things refused | {' | '.join(_count(results[place], legal) for place in PLACES)} |")
    return "\n".join(lines) + "\n"


def attacks() -> dict[str, list[str]]:
    """Return the names of all attacks by family."""
    names: dict[str, list[str]] = {}
    for case in CASES:
        if not case.control:
            names.setdefault(case.family, []).append(case.name)
    return names


def residue() -> str:
    """Return the list of what cannot be prevented in process."""
    lines = [f"- `{name}`: {reason}" for name, reason in sorted(RESIDUE.items())]
    return "Cannot be prevented in process:\n\n" + "\n".join(lines) + "\n"


def _count(harms: Mapping[str, tuple[str, ...]], names: list[str]) -> str:
    return f"{sum(bool(harms[name]) for name in names)} of {len(names)}"


def lines_of_page() -> Iterator[str]:
    """Yield the lines between the marks in SECURITY.md."""
    yield from PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].splitlines()
