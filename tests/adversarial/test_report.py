from __future__ import annotations

from tests.adversarial.places import PLACES
from tests.adversarial.report import attacks, lines_of_page, residue
from tests.adversarial.residue import RESIDUE

_WIDTH = len(PLACES)


def _rows() -> dict[str, list[tuple[int, int]]]:
    """Return the numbers of the table in SECURITY.md: how many of how many, by family and place."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines_of_page() if line.startswith("| ")]
    return {
        name.strip("*"): [(int(text.split(" of ")[0]), int(text.split(" of ")[1])) for text in numbers]
        for name, *numbers in cells[1:]
    }


def test_the_table_is_of_this_corpus() -> None:
    rows = _rows()
    known = {family.replace("_", " "): len(names) for family, names in attacks().items()}
    counted = {name: numbers[0][1] for name, numbers in rows.items()}
    assert {name: counted[name] for name in known} == known
    assert counted["all"] == sum(known.values())
    assert all(len(numbers) == _WIDTH for numbers in rows.values())


def test_isolated_nothing_did_harm_and_everywhere_what_is_legal_worked() -> None:
    rows = _rows()
    isolated = [index for index, place in enumerate(PLACES) if place.tier == "isolated"]
    assert [rows["all"][index][0] for index in isolated] == [0, 0]
    assert [harmed for harmed, _ in rows["legal things refused"]] == [0] * _WIDTH


def test_what_did_harm_in_process_is_listed_with_its_reason() -> None:
    page = "\n".join(lines_of_page())
    assert residue().strip() in page
    in_process = [index for index, place in enumerate(PLACES) if place.tier == "in_process"]
    assert max(_rows()["all"][index][0] for index in in_process) <= len(RESIDUE)
