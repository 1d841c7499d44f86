"""The repository's own files, as the version control lists them."""

from __future__ import annotations

import ast
import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@lru_cache(maxsize=1)
def files() -> tuple[Path, ...]:
    """Return every file that is or would be committed, relative to the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found = (Path(name) for name in done.stdout.split("\0") if name)
    return tuple(path for path in sorted(found) if (ROOT / path).is_file())


def text(path: Path) -> str:
    """Return a file's text, of a file that is none the empty text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def modules(*tops: str) -> tuple[Path, ...]:
    """Return the Python modules below some folders, without tests and migrations."""
    skipped = {"tests", "versions", "frozen", "releases"}
    return tuple(
        path for path in files() if path.suffix == ".py" and path.parts[0] in tops and skipped.isdisjoint(path.parts)
    )


@lru_cache(maxsize=1024)
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(text(path), str(path))
