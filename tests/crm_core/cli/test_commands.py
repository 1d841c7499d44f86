"""The command line as a user meets it: in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import crm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CRM = [sys.executable, "-m", "crm_core.cli"]


@contextmanager
def serving(database: str, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve on a free port; give the address and the process."""
    environment = {**os.environ, "CRM_DATABASE_URL": database, "CRM_BACKGROUND": "false"}
    command = [*_CRM, "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://"), line
        try:
            yield line.removeprefix("listening on ").strip(), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def get(url: str, key: str | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_help_and_version_import_neither_fastapi_nor_sqlalchemy() -> None:
    script = (
        "import sys, crm_core.cli.commands as m\n"
        "try: m.app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('fastapi', 'sqlalchemy', 'msgspec', 'asyncpg', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
    assert "plugin" in done.stdout


def test_the_first_steps(tmp_path: Path, database_url: str) -> None:
    database = f"sqlite:///{tmp_path}/new.db" if database_url.startswith("sqlite") else database_url
    made = json.loads(crm("init", "--json", CRM_DATABASE_URL=database))
    assert made["tenant"] == "main"
    assert "there is a tenant 'main' already" in crm("init", code=1, CRM_DATABASE_URL=database)
    other = json.loads(crm("tenant", "create", "other", "--json", CRM_DATABASE_URL=database))
    assert [row["tenant"] for row in json.loads(crm("tenant", "list", "--json", CRM_DATABASE_URL=database))] == [
        "main",
        "other",
    ]
    reader = json.loads(
        crm(
            "key",
            "create",
            "--tenant",
            "main",
            "--login",
            "ann",
            "--role",
            "read_only",
            "--json",
            CRM_DATABASE_URL=database,
        )
    )
    unknown = crm(
        "key", "create", "--tenant", "nobody", "--login", "x", "--role", "sales", code=1, CRM_DATABASE_URL=database
    )
    assert "there is no tenant 'nobody'; there are main, other" in unknown
    with serving(database) as (address, _):
        assert get(f"{address}/health") == (200, {"status": "ok"})
        for key in (made["api_key"], other["api_key"], reader["api_key"]):
            assert get(f"{address}/api/v1/accounts", key) == (200, {"data": [], "next_cursor": None})
        assert get(f"{address}/api/v1/accounts")[0] == 401


def test_a_database_that_is_not_there_or_not_migrated_is_told_before_serving(tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path}/none.db"

    assert "has no CRM database yet; run crm init" in crm("serve", "--port", "0", code=5, CRM_DATABASE_URL=missing)
    assert not (tmp_path / "none.db").exists()
    assert "write sqlite:///<file>" in crm("init", code=1, CRM_DATABASE_URL="mysql://x")


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/new.db"
    crm("init", CRM_DATABASE_URL=database)
    with serving(database) as (address, _):
        port = address.rsplit(":", 1)[1]
        assert f"cannot listen on 127.0.0.1:{port}" in crm("serve", "--port", port, code=5, CRM_DATABASE_URL=database)


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/new.db"
    key = json.loads(crm("init", "--json", CRM_DATABASE_URL=database))["api_key"]
    with serving(database, "--workers", "2") as (address, process):
        assert get(f"{address}/api/v1/accounts", key)[0] == 200
        children = _children(process.pid)
        for child in children:
            os.kill(child, signal.SIGKILL)
        assert get(f"{address}/api/v1/accounts", key)[0] == 200
        assert not set(children) & set(_children(process.pid))


def _children(pid: int) -> list[int]:
    """Return the worker processes: children that run a Python of ours, without multiprocessing's own tracker."""
    done = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    lines = [line.split(None, 1) for line in done.stdout.splitlines()]
    return [int(number) for number, command in lines if "spawn_main" in command]


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--port", "many"], ["tenant", "create"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert "Usage" in crm(*arguments, code=2)
