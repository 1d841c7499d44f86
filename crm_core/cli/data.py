"""``crm import`` and ``crm export``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import ExitCode, fail, show
from crm_core.cli.session import AsJson, Database, Tenant, tenant_id_of, with_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_core.imports.service import Outcome
    from crm_core.runtime import Runtime

_EVERY = 10_000
_ACTOR = "import"


def import_data(  # noqa: PLR0913, PLR0917 - one parameter for each option
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file to import.")],
    mapping: Annotated[Path, typer.Option("--mapping", exists=True, dir_okay=False, help="The mapping, a TOML file.")],
    tenant: Tenant,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything and keep nothing.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin at the first row, also after an interruption.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows per transaction.")] = 500,
    errors: Annotated[
        Path | None, typer.Option("--errors", dir_okay=False, help="Write failed rows to this CSV file.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Import a file through the same services as the REST API: repeatable, resumable, row by row where rows fail.

    Exit code 0: every row is in; 1: some rows failed; 2: the mapping or the command is wrong.
    """
    from crm_core.imports.mapping import parse_mapping
    from crm_core.imports.problems import MappingError
    from crm_core.imports.service import Request, import_file

    async def work(runtime: Runtime) -> Outcome:
        from crm_core.actors import system_actor

        actor = system_actor(await tenant_id_of(runtime, tenant), _ACTOR)
        with _watching(file.stat().st_size) as watch:
            request = Request(file, parsed, batch, dry_run, restart, errors, watch)
            try:
                return await import_file(lambda function: runtime.run(actor, function), request)
            except MappingError as error:
                fail(error.message, ExitCode.USAGE)

    try:
        parsed = parse_mapping(mapping.read_bytes(), mapping.name)
    except MappingError as error:
        fail(error.message, ExitCode.USAGE)
    outcome = with_runtime(database, work)
    show(_summary(outcome), _text(outcome), as_json=as_json)
    if outcome.failed or outcome.failed_before:
        raise typer.Exit(ExitCode.FOUND)


def export_data(  # noqa: PLR0913, PLR0917 - one parameter for each option
    tenant: Tenant,
    record_type: Annotated[str, typer.Option("--record-type", help="What to export, e.g. account.")],
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="The file to write; it appears when it is whole.")],
    form: Annotated[str, typer.Option("--format", help="csv or jsonl.")] = "csv",
    plugins: Annotated[bool, typer.Option("--plugins", help="Add plugins' fields as <plugin>.<field>.")] = False,
    filters: Annotated[list[str] | None, typer.Option("--filter", help='"name[contains]=x", repeatable.')] = None,
    mapping_out: Annotated[
        Path | None, typer.Option("--mapping-out", dir_okay=False, help="Write a mapping that imports the file again.")
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option("--spreadsheet-safe", help="Put an apostrophe before texts that a spreadsheet would run."),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Export the records of one type to a CSV or JSON Lines file; ``--mapping-out`` makes it importable."""
    from crm_core.imports.export import Export, export_file

    async def work(runtime: Runtime) -> int:
        from crm_core.actors import system_actor

        actor = system_actor(await tenant_id_of(runtime, tenant), "export")
        return await export_file(lambda function: runtime.run(actor, function, write=False), wanted)

    try:
        wanted = Export(tenant, record_type, out, form, plugins, tuple(filters or ()), mapping_out, spreadsheet_safe)
    except ValueError as error:
        fail(str(error), ExitCode.USAGE)
    rows = with_runtime(database, work)
    show({"file": str(out), "rows": rows}, f"{rows} {record_type} records are in {out}", as_json=as_json)


@contextmanager
def _watching(size: int) -> Iterator[Callable[[Outcome, int], None]]:
    """Yield what shows how far an import has come: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    text = "{task.fields[rows]:,} rows, {task.fields[failed]:,} failed"
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn(text), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("import", total=size, rows=0, failed=0)
        yield lambda outcome, read: bar.update(
            task, completed=read, rows=outcome.resumed_at + outcome.rows, failed=outcome.failed
        )


def _lines() -> Callable[[Outcome, int], None]:
    shown = 0

    def watch(outcome: Outcome, _read: int) -> None:
        nonlocal shown
        if outcome.rows // _EVERY > shown:
            shown = outcome.rows // _EVERY
            typer.echo(f"{outcome.resumed_at + outcome.rows} rows, {outcome.failed} failed", file=sys.stderr)

    return watch


def _summary(outcome: Outcome) -> dict[str, Any]:
    from dataclasses import asdict

    records: dict[str, dict[str, int]] = {}
    for (record_type, done), number in sorted(outcome.done.items()):
        records.setdefault(record_type, {})[done] = number
    return {
        "dry_run": outcome.dry_run,
        "rows": outcome.rows,
        "failed": outcome.failed,
        **{what: outcome.count(what) for what in ("created", "updated", "unchanged")},
        "records": records,
        "resumed_at": outcome.resumed_at,
        "failed_before": outcome.failed_before,
        "seconds": round(outcome.seconds, 3),
        "rows_per_second": round(outcome.rows / outcome.seconds) if outcome.seconds else 0,
        "first_failures": [asdict(failure) for failure in outcome.first_failures],
    }


def _text(outcome: Outcome) -> str:
    counts = ", ".join(f"{outcome.count(what)} {what}" for what in ("created", "updated", "unchanged"))
    speed = round(outcome.rows / outcome.seconds) if outcome.seconds else 0
    lines = [f"{outcome.rows} rows: records {counts}; {outcome.failed} rows failed; {speed} rows/s"]
    if outcome.dry_run:
        lines.append("dry run: nothing of it was kept")
    if outcome.resumed_at:
        before = f", {outcome.failed_before} of these had failed" if outcome.failed_before else ""
        lines.append(f"went on after row {outcome.resumed_at} of an interrupted import{before}")
    for each in outcome.first_failures:
        where = f" {each.column} = {each.value!r}:" if each.column else ""
        lines.append(f"line {each.line}:{where} {each.reason}")
    more = outcome.failed - len({each.line for each in outcome.first_failures})
    if more > 0:
        lines.append(f"… and {more} more; --errors FILE writes them all")
    return "\n".join(lines)
