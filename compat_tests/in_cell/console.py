"""Runs inside a cell, started by its path: the command ``crm`` again and again in a warm process.

Every command still runs in a process of its own, a fork of this one, exactly as ``python -m crm_core.cli`` would run
it. What is saved is importing third-party modules for each of them. One JSON object per line in, one out; this file
uses nothing but the standard library and knows nothing of the core but the name of its command.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import signal
import sys
import time
from typing import Any

MODULE = "crm_core.cli"
LEARNT = ".modules"
IMPORTED: list[int] = []

Request = dict[str, Any]
Answer = dict[str, Any]


def main() -> None:
    """Serve requests until the input ends, then end what still runs."""
    children: set[int] = set()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            answer = OPERATIONS[request["do"]](request, children)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def run(request: Request, _: set[int]) -> Answer:
    """Run a command to its end, or end it after its time."""
    code = wait(fork(request), request["seconds"])
    learnt = request["stdout"] + LEARNT
    if os.path.exists(learnt):  # noqa: PTH110 - no more imports than needed
        if not IMPORTED:
            with open(learnt, encoding="utf-8") as file:  # noqa: PTH123 - as above
                warm(json.load(file))
        os.unlink(learnt)  # noqa: PTH108 - as above
    return {"code": code}


def start(request: Request, children: set[int]) -> Answer:
    """Start a command and leave it running."""
    pid = fork(request)
    children.add(pid)
    return {"pid": pid}


def poll(request: Request, children: set[int]) -> Answer:
    """Return the exit code of a command that was started, null while it runs."""
    pid, status = os.waitpid(request["pid"], os.WNOHANG)
    if pid == 0:
        return {"code": None}
    children.discard(pid)
    return {"code": os.waitstatus_to_exitcode(status)}


def stop(request: Request, children: set[int]) -> Answer:
    """End a command that was started."""
    pid = request["pid"]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    code = wait(pid, request["seconds"])
    children.discard(pid)
    return {"code": code}


def fork(request: Request) -> int:
    """Fork a process that runs the command with its output in files."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        become(request)
        code = command()
        if request["do"] == "run" and code == 0:
            tell_names(request["stdout"] + LEARNT)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
        code = 70
    os._exit(code)


def become(request: Request) -> None:
    """Take the files and the settings of the command."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.update(request.get("settings") or {})
    sys.argv = [MODULE, *request["arguments"]]


def command() -> int:
    """Run the command as ``python -m`` would and return its exit code."""
    try:
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)  # noqa: T201 - what the interpreter does with it
            return 1
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001 - shown as the interpreter shows it
        import traceback  # noqa: PLC0415 - only here

        traceback.print_exc()
        return 1
    return 0


def wait(pid: int, seconds: float) -> int | None:
    """Wait for a process; end it and return null when its time is over."""
    end = time.monotonic() + seconds
    pause = 0.002
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def tell_names(file: str) -> None:
    """Tell the parent what the command has imported."""
    with open(file, "w", encoding="utf-8") as out:  # noqa: PTH123 - no more imports than needed
        json.dump(sorted(sys.modules), out)


def warm(names: list[str]) -> None:
    """Import what the first command needed, so that the next ones have it; plugins are not among it yet."""
    IMPORTED.append(len(names))
    for name in names:
        if name not in sys.modules and not name.startswith(("__", MODULE)):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


OPERATIONS = {"run": run, "start": start, "poll": poll, "stop": stop}

if __name__ == "__main__":
    main()
