"""The guides as data: pages, their fenced blocks, their tables, their links, and what stands just before a block."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PARTNER: Final = ROOT / "plugin_sdk" / "docs"
ADMINISTRATOR: Final = ROOT / "crm_core" / "docs"

_FENCE: Final = re.compile(r"(?P<indent> *)(?P<ticks>`{3,})(?P<language>[a-z]*) *")
_MARKER: Final = re.compile(r"<!-- (?P<kind>[a-z ]+?)(: (?P<value>.+?))? -->")
_CELL: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, its line, and the marker just before it: ``<!-- kind: value -->``."""

    page: Path
    line: int
    language: str
    text: str
    kind: str = ""
    value: str = ""

    @property
    def where(self) -> str:
        """Name the block as editors and test reports do."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def guide_pages() -> list[Path]:
    """List the pages of both guides and the SDK's own README."""
    return [ROOT / "plugin_sdk" / "README.md", *sorted(PARTNER.glob("*.md")), *sorted(ADMINISTRATOR.glob("*.md"))]


def every_page() -> list[Path]:
    """List every Markdown file that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in sorted(set(done.stdout.splitlines())) if (ROOT / line).is_file()]


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Read the fenced blocks of a page in order."""
    return tuple(_blocks(page, page.read_text("utf-8").splitlines()))


def prose(page: Path) -> str:
    """Return the page without its fenced blocks."""
    kept: list[str] = []
    end = ""
    for line in page.read_text("utf-8").splitlines():
        fence = _FENCE.fullmatch(line)
        if end:
            end = "" if line.strip() == end else end
        elif fence:
            end = fence["ticks"]
        else:
            kept.append(line)
    return "\n".join(kept)


def table(page: Path, first: str) -> list[dict[str, str]]:
    """Return the rows of the one table whose first column has that name; code marks are taken off the cells."""
    lines = prose(page).splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    names = _cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, _cells(line), strict=True)))
    return rows


def _cells(line: str) -> list[str]:
    cells = [cell.strip() for cell in _CELL.split(line.strip())[1:-1]]
    return [cell.replace(r"\|", "|").removeprefix("`").removesuffix("`") for cell in cells]


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        fence = _FENCE.fullmatch(lines[number])
        if fence is None:
            number += 1
            continue
        start = number
        number = next(after for after in range(start + 1, len(lines)) if lines[after].strip() == fence["ticks"])
        marker = _MARKER.fullmatch(lines[start - 1].strip()) if start else None
        indent = fence["indent"]
        text = "".join(f"{line.removeprefix(indent)}\n" for line in lines[start + 1 : number])
        kind, value = (marker["kind"], marker["value"] or "") if marker else ("", "")
        yield Block(page, start + 1, fence["language"], text, kind, value)
        number += 1
