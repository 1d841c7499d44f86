from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import pytest

import compat_tests
from compat_tests.console import can_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.skipif(not can_fork(), reason="nothing forks here, and commands run as processes of their own")
PROGRAM = Path(compat_tests.__file__).parent / "in_cell" / "console.py"

COMMAND = """
import os, sys, time
what, *rest = sys.argv[1:]
if what == "echo":
    print(*rest)
elif what == "fail":
    sys.exit("it does not work")
elif what == "raise":
    raise RuntimeError("unforeseen")
elif what == "count":
    import colorsys  # stands for what is slow to import
    colorsys.times = getattr(colorsys, "times", 0) + 1
    print(colorsys.times)
elif what == "wait":
    print("waiting", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Start the console with a command of this test and return how to ask it."""
    package = tmp_path / "packages" / "crm_core" / "cli"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("", "utf-8")
    (package / "__main__.py").write_text(COMMAND, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM)],
        env={"PYTHONPATH": str(tmp_path / "packages")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)

    def send(what: str, *arguments: str, seconds: float = 30, **more: Any) -> dict[str, Any]:
        files = {"stdout": str(tmp_path / "out"), "stderr": str(tmp_path / "err")}
        stdin.write(json.dumps({"do": what, "arguments": arguments, "seconds": seconds, **files, **more}) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline())
        written = {name: Path(file).read_text("utf-8") for name, file in files.items() if Path(file).exists()}
        return {**answer, **written}

    yield send
    stdin.close()
    assert process.wait(30) == 0
    stdout.close()


def test_a_command_has_its_own_output_and_exit_code(ask: Ask) -> None:
    assert ask("run", "echo", "a", "b") == {"code": 0, "stdout": "a b\n", "stderr": ""}
    assert ask("run", "fail") == {"code": 1, "stdout": "", "stderr": "it does not work\n"}


def test_a_failure_nobody_foresaw_is_shown(ask: Ask) -> None:
    answer = ask("run", "raise")

    assert answer["code"] == 1
    assert answer["stderr"].endswith("RuntimeError: unforeseen\n")


def test_what_one_command_changes_the_next_does_not_see(ask: Ask) -> None:
    assert [ask("run", "count")["stdout"] for _ in range(3)] == ["1\n", "1\n", "1\n"]


def test_a_command_that_does_not_end_is_ended(ask: Ask) -> None:
    assert ask("run", "wait", seconds=0.2)["code"] is None
    assert ask("run", "echo", "still here")["stdout"] == "still here\n"


def test_a_command_can_be_left_running_and_be_stopped(ask: Ask) -> None:
    pid = ask("start", "wait")["pid"]

    assert ask("poll", pid=pid)["code"] is None
    assert ask("stop", pid=pid)["code"] == -15
