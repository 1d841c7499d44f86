"""What commands print: for people on a terminal, or JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ExitCode:
    """Exit codes of ``crm``; they never change."""

    OK = 0
    FOUND = 1
    USAGE = 2
    INCONCLUSIVE = 3
    ENVIRONMENT = 5
    NOTHING_TO_DO = 6


def show(value: Any, text: str, *, as_json: bool) -> None:
    """Print ``value`` as JSON or ``text`` for people."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False) if as_json else text)


def table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    """Return rows as aligned columns under their names."""
    names = list(columns)
    cells = [[name.upper() for name in names], *[[str(row.get(name) or "") for name in names] for row in rows]]
    widths = [max(len(line[index]) for line in cells) for index in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def fail(message: str, code: int = ExitCode.FOUND) -> NoReturn:
    """Print why a command cannot do its work, and end it."""
    typer.echo(f"crm: {message}", file=sys.stderr)
    raise typer.Exit(code)
