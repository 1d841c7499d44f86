"""What ``crm compat`` does: the only module of the suite that the command line imports."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compat_tests.environments import Environments
from compat_tests.errors import ArchiveError, CompatError, EnvironmentFailure
from compat_tests.installers import choose_installer
from compat_tests.recording import record_files
from compat_tests.releases import ARCHIVE, freeze, verify, versions
from compat_tests.reports import as_json, table, write_reports
from compat_tests.running import LAYERS, Run, clear, subjects_of
from compat_tests.sources import Sources
from compat_tests.verdicts import BROKEN, ENVIRONMENT, FAIL_ON, OK, USAGE, exit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["RunOptions", "freeze_release", "list_releases", "record_scenarios", "run_matrix"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options that running and recording share."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    constraints: Path | None = None
    out: Path = Path(".crm-compat")
    archive: Path = ARCHIVE
    others: tuple[str, ...] = ()


def run_matrix(  # noqa: PLR0913 - the options of the command
    plugins: Sequence[str],
    baseline: str,
    candidate: str,
    options: RunOptions,
    *,
    jobs: int = 2,
    only: Sequence[str] = (),
    together: bool = False,
    fail_on: str = "unknown",
    as_json_text: bool = False,
) -> int:
    """Run the matrix, write the reports, print the table or the JSON, and return the exit code."""

    def work() -> int:
        _check_choice("--fail-on", [fail_on], FAIL_ON)
        _check_choice("--only", only, sorted(LAYERS))
        out, sources, environments, notes = _prepare(options)
        chosen = [sources.plugin(text) for text in plugins]
        others = [sources.plugin(text) for text in options.others]
        layers = frozenset(only) or LAYERS
        run = Run(sources.core(baseline), sources.core(candidate), environments, out, layers, jobs, notes)
        _note_missing_locks(run, options)
        run.execute(subjects_of(chosen, others, together=together))
        code = exit_code([result.verdict for result in run.results], fail_on)
        write_reports(run, code, out)
        print(json.dumps(as_json(run, code), default=str, ensure_ascii=False) if as_json_text else table(run, code))
        return code

    return _guarded(work)


def record_scenarios(files: Sequence[Path], plugin: str, core: str, options: RunOptions) -> int:
    """Record scenarios; a folder stands for its JSON files."""

    def work() -> int:
        out, sources, environments, notes = _prepare(options)
        chosen, others = sources.plugin(plugin), [sources.plugin(text) for text in options.others]
        (subject,) = subjects_of([chosen], others, together=False)
        found = [file for path in files for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
        lines = record_files(found, subject, sources.core(core), environments, out.resolve() / "cells" / "record")
        print("\n".join([*(f"note: {note}" for note in notes), *lines]))
        return OK

    return _guarded(work)


def freeze_release(
    version: str, source: Path, *, constraints: Path | None = None, changes: str = "", archive: Path = ARCHIVE
) -> int:
    """Add a release to the archive."""

    def work() -> int:
        folder = freeze(version, source, constraints=constraints, changes=changes, archive=archive)
        print(f"{version} is archived: {', '.join(sorted(path.name for path in folder.iterdir()))}")
        return OK

    return _guarded(work)


def list_releases(*, archive: Path = ARCHIVE, as_json_text: bool = False) -> int:
    """Print the archived releases and whether each file is still what was released."""

    def work() -> int:
        names, problems = versions(archive), verify(archive)
        document: dict[str, Any] = {"releases": names, "problems": problems}
        text = "\n".join([*names, *problems]) or "no release is archived yet"
        print(json.dumps(document, ensure_ascii=False) if as_json_text else text)
        return BROKEN if problems else OK

    return _guarded(work)


def _prepare(options: RunOptions) -> tuple[Path, Sources, Environments, list[str]]:
    installer, notes = choose_installer()
    out = options.out.resolve()
    clear(out)
    constraints = options.constraints.resolve() if options.constraints else None
    if constraints and not constraints.is_file():
        raise CompatError(f"--constraints {constraints}: there is no such file")
    environments = Environments(installer, python=options.python, constraints=constraints)
    return out, Sources(installer, out, archive=options.archive), environments, notes


def _note_missing_locks(run: Run, options: RunOptions) -> None:
    """Say where third-party versions are whatever the index has today: a difference may then be theirs."""
    if options.constraints is None:
        for role, core in (("baseline", run.baseline), ("candidate", run.candidate)):
            if core.constraints is None:
                run.notes.append(f"the {role} has no {'constraints.txt'}: third-party versions are today's newest")


def _check_choice(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    for one in given:
        if one not in known:
            raise CompatError(f"{option} {one}: unknown; there is {', '.join(known)}")


def _guarded(work: Callable[[], int]) -> int:
    """Run a command's work and turn what it may raise into its exit code and one line."""
    try:
        return work()
    except ArchiveError as error:
        print(f"crm compat: {error}", file=sys.stderr)
        return BROKEN
    except CompatError as error:
        print(f"crm compat: {error}", file=sys.stderr)
        return USAGE
    except EnvironmentFailure as error:
        print(f"crm compat: {error}", file=sys.stderr)
        return ENVIRONMENT
