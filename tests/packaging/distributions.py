"""The distributions of this workspace: what each is made of, how to build it, how to read what was built."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = Path(__file__).resolve().parents[2]

# Files that lie in the SDK's folder, which is the package itself, and belong to the repository or the sdist only.
# Files of packages that are read in the repository and not installed, by package.
OUTSIDE_THE_WHEEL = {("crm_core", "docs"), ("compat_tests", "releases")} | {
    ("plugin_sdk", name) for name in ("CHANGELOG.md", "LICENSE", "README.md", "docs", "pyproject.toml")
}


@dataclass(frozen=True)
class Distribution:
    """One distribution: its name, the folder of its pyproject.toml, and the folders of its import packages."""

    name: str
    folder: Path
    packages: tuple[Path, ...]

    @property
    def project(self) -> dict[str, Any]:
        """The table ``project`` of its pyproject.toml."""
        document = tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))
        project: dict[str, Any] = document["project"]
        return project

    @property
    def imports(self) -> set[str]:
        """The top names of all modules that its code imports when it runs, and not only for the type checker."""
        found: set[str] = set()
        for package in self.packages:
            for path in _tracked_or_new_files(package):
                if path.suffix == ".py":
                    found |= set(_imported(ast.parse((package / path).read_text("utf-8"))))
        return found

    @property
    def runtime_files(self) -> set[str]:
        """The path inside the wheel of every file that its packages have in the work tree."""
        return {
            f"{package.name}/{path}"
            for package in self.packages
            for path in _tracked_or_new_files(package)
            if (package.name, path.parts[0]) not in OUTSIDE_THE_WHEEL
        }


@dataclass(frozen=True)
class Built:
    """What one distribution was built into: a wheel and an sdist of the tree, and a wheel of that sdist."""

    distribution: Distribution
    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


def plugins() -> tuple[Distribution, ...]:
    """List the distributions under plugins/, by name."""
    return tuple(
        Distribution(
            name=f"crm-plugin-{manifest.parent.name.replace('_', '-')}",
            folder=manifest.parent,
            packages=(manifest.parent / "src" / f"crm_{manifest.parent.name}",),
        )
        for manifest in sorted(ROOT.glob("plugins/*/pyproject.toml"))
    )


def workspace() -> tuple[Distribution, ...]:
    """List every distribution of this workspace."""
    core = Distribution("crm-core", ROOT, (ROOT / "crm_core", ROOT / "compat_tests"))
    sdk = Distribution("crm-plugin-sdk", ROOT / "plugin_sdk", (ROOT / "plugin_sdk",))
    return (core, sdk, *plugins())


def build(distribution: Distribution, out: Path) -> Built:
    """Build the wheel and the sdist of the tree, then the wheel of the unpacked sdist, under the folder `out`."""
    wheel = _build(distribution.folder, "wheel", out / "tree")
    sdist = _build(distribution.folder, "sdist", out / "tree")
    with tarfile.open(sdist) as archive:
        # The argument `filter` came with Python 3.11.4; on an older one this attribute means nothing.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(out / "unpacked")  # noqa: S202 - we made it ourselves
    unpacked = out / "unpacked" / sdist.name.removesuffix(".tar.gz")
    return Built(distribution, wheel, sdist, _build(unpacked, "wheel", out / "sdist"))


def wheel_contents(wheel: Path) -> dict[str, bytes]:
    """Read every file of a wheel, by its path."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def wheel_hashes(wheel: Path) -> dict[str, str]:
    """Hash every file of a wheel, by its path."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in wheel_contents(wheel).items()}


def metadata(built: Built) -> Message:
    """Parse the file METADATA of a built wheel."""
    return Parser().parsestr(dist_info(built, "METADATA"))


def dist_info(built: Built, name: str) -> str:
    """Read one file of a built wheel's dist-info folder."""
    folder = "-".join(built.wheel.name.split("-")[:2]) + ".dist-info"
    return wheel_contents(built.wheel)[f"{folder}/{name}"].decode("utf-8")


def sdist_files(sdist: Path) -> set[PurePosixPath]:
    """List the files of an sdist, relative to its one folder."""
    with tarfile.open(sdist) as archive:
        return {PurePosixPath(*PurePosixPath(member.name).parts[1:]) for member in archive if member.isfile()}


def _build(folder: Path, target: str, out: Path) -> Path:
    """Run the build backend, as any front end would, and return the one new file."""
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.iterdir())
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"building the {target} of {folder} failed:\n{done.stdout}{done.stderr}"
        raise RuntimeError(message)
    (new,) = set(out.iterdir()) - before
    return new


def _imported(node: ast.AST) -> Iterator[str]:
    """Give the top name of each absolute import under a node."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.split(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)


def _tracked_or_new_files(folder: Path) -> list[PurePosixPath]:
    """List the files of a folder that git does not ignore: caches and local data are no part of a package."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [PurePosixPath(line) for line in done.stdout.splitlines() if (folder / line).exists()]
