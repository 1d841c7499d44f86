"""The file in which an import says which rows failed, and why."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from crm_core.imports.batch import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Report = Callable[[Sequence[Failure]], None]


@contextmanager
def errors_file(path: Path | None, *, resumed: bool) -> Iterator[Report]:
    """Yield what adds failures to a CSV file; a resumed import goes on with the file there is."""
    if path is None:
        yield lambda _failures: None
        return
    append = resumed and path.exists()
    with path.open("a" if append else "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not append:
            writer.writerow(field.name for field in fields(Failure))

        def report(failures: Sequence[Failure]) -> None:
            # Written before the batch is committed: after a crash a line may be there twice, but never be missing.
            if failures:
                writer.writerows(astuple(failure) for failure in failures)
                file.flush()

        yield report
