"""``crm compat …``: may we upgrade? The work is done by the compatibility suite, which is imported only here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from crm_core.cli.session import AsJson  # noqa: TC001 - typer reads the annotations when it runs

compat_app = typer.Typer(no_args_is_help=True, help="Compatibility: replay plugins against core versions.")

_CORE = "a wheel, a folder of wheels, an archived version, or a requirement such as crm-core==0.1.0"
_PLUGIN = "a source folder, a wheel, a folder of wheels, a name below plugins/, or a requirement"
Constraints = Annotated[
    Path | None,
    typer.Option("--constraints", help="Exact third-party versions; default: those archived with the core."),
]
Python = Annotated[str | None, typer.Option("--python", help="The Python version of the cells; default: this one's.")]
Out = Annotated[Path, typer.Option("--out", help="Where cells, logs and reports go.")]
Archive = Annotated[Path | None, typer.Option("--archive", help="The release archive; default: the one shipped.")]
Others = Annotated[
    list[str] | None, typer.Option("--with", help="A plugin that others require; it is not judged itself.")
]
_OUT = Path(".crm-compat")


@compat_app.command("run")
def run(  # noqa: PLR0913, PLR0917 - one parameter per option
    plugin: Annotated[list[str], typer.Option("--plugin", help=f"Repeatable: {_PLUGIN}.")],
    baseline: Annotated[str, typer.Option("--baseline", help=f"The core in use: {_CORE}.")],
    candidate: Annotated[str, typer.Option("--candidate", help=f"The core to upgrade to: {_CORE}.")],
    python: Python = None,
    constraints: Constraints = None,
    others: Others = None,
    jobs: Annotated[int, typer.Option("--jobs", help="How many cells run at a time.", min=1)] = 2,
    only: Annotated[list[str] | None, typer.Option("--only", help="tests or scenarios; default: both.")] = None,
    together: Annotated[bool, typer.Option("--together", help="Add a cell with all plugins in one process.")] = False,
    out: Out = _OUT,
    archive: Archive = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="broken, or unknown: also fail where nothing was shown.")
    ] = "unknown",
    as_json: AsJson = False,
) -> None:
    """Say for each plugin whether what works on the baseline works on the candidate.

    Exit codes: 0 compatible, 1 broken, 2 usage, 3 inconclusive, 5 environment, 6 nothing ran.
    """
    from compat_tests.cli import run_matrix

    options = _options(python, constraints, out, archive, others)
    raise typer.Exit(
        run_matrix(
            plugin, baseline, candidate, options,
            jobs=jobs, only=only or (), together=together, fail_on=fail_on, as_json_text=as_json,
        )
    )  # fmt: skip


@compat_app.command("record")
def record(
    scenario: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    plugin: Annotated[str, typer.Option("--plugin", help=f"The plugin of the scenarios: {_PLUGIN}.")],
    core: Annotated[str, typer.Option("--core", help=f"The core whose answers are recorded: {_CORE}.")],
    python: Python = None,
    constraints: Constraints = None,
    others: Others = None,
    out: Out = _OUT,
    archive: Archive = None,
) -> None:
    """Fill in what scenarios expect, from the answers of a real server; a recording that does not repeat is refused."""
    from compat_tests.cli import record_scenarios

    raise typer.Exit(record_scenarios(scenario, plugin, core, _options(python, constraints, out, archive, others)))


@compat_app.command("freeze")
def freeze(
    version: str,
    source: Annotated[Path, typer.Option("--from", help="A folder with the wheels of crm-core and crm-plugin-sdk.")],
    constraints: Constraints = None,
    changes: Annotated[str, typer.Option("--changes", help="What changed, in a sentence or more.")] = "",
    archive: Archive = None,
) -> None:
    """Add a release to the archive; an archived release is never changed."""
    from compat_tests.cli import freeze_release

    raise typer.Exit(freeze_release(version, source, constraints=constraints, changes=changes, **_archive(archive)))


@compat_app.command("releases")
def releases(archive: Archive = None, as_json: AsJson = False) -> None:
    """List the archived releases and check every file against its hash."""
    from compat_tests.cli import list_releases

    raise typer.Exit(list_releases(as_json_text=as_json, **_archive(archive)))


def _options(
    python: str | None, constraints: Path | None, out: Path, archive: Path | None, others: list[str] | None
) -> Any:
    from compat_tests.cli import RunOptions

    given = {"python": python} if python else {}
    return RunOptions(**given, constraints=constraints, out=out, others=tuple(others or ()), **_archive(archive))  # type: ignore[arg-type]


def _archive(archive: Path | None) -> dict[str, Path]:
    return {"archive": archive} if archive else {}
