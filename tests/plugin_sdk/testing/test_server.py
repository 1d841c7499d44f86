from __future__ import annotations

import json
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from plugin_sdk.testing.command import CommandError
from plugin_sdk.testing.server import CrmServer

if TYPE_CHECKING:
    from pathlib import Path

# Stands for the core's command line, which is another program to the SDK: notes its calls, listens in name only.
CORE = """
import json, os, pathlib, signal, sys
note = pathlib.Path(__file__).with_suffix(".calls")
settings = {name: value for name, value in os.environ.items() if name.startswith("CRM_")}
with note.open("a") as file:
    file.write(json.dumps([sys.argv[1:], settings]) + "\\n")
if sys.argv[1] == "init":
    print(json.dumps({"tenant": "main", "tenant_id": "1", "api_key": "crm_a_b"}))
elif sys.argv[1:3] == ["tenant", "list"]:
    print(json.dumps([{"tenant": os.environ["FIRST_TENANT"]}]))
elif sys.argv[1:3] == ["plugin", "install"] and sys.argv[3] == "broken":
    sys.exit("plugin broken: no manifest")
elif sys.argv[1] == "serve":
    BODY
"""
SERVES = """
    port = int(sys.argv[-1]) or 45678
    print("starting", file=sys.stderr, flush=True)
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    signal.sigwait({signal.SIGTERM})
"""


def core(folder: Path, serve: str = SERVES) -> tuple[str, ...]:
    script = folder / "core.py"
    body = textwrap.indent(textwrap.dedent(serve).strip(), "    ")
    prepare = "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
    script.write_text(CORE.replace("    BODY\n", prepare + body + "\n"))
    return (sys.executable, str(script))


def calls(folder: Path) -> list[list[str]]:
    return [call for call, _ in notes(folder)]


def notes(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "core.calls").read_text().splitlines()]


def test_a_server_is_prepared_served_and_stopped(tmp_path: Path) -> None:
    with CrmServer(["loyalty"], program=core(tmp_path)) as server:
        assert (server.url, server.plugins) == ("http://127.0.0.1:45678", ["loyalty"])
        assert server.main["api_key"] == "crm_a_b"
        assert "listening on" in server.output

    assert server.output == ""
    assert calls(tmp_path) == [
        ["init", "--json"],
        ["plugin", "install", "loyalty"],
        ["serve", "--host", "127.0.0.1", "--port", "0"],
    ]


def test_the_core_gets_a_database_of_its_own_and_no_background_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_POOL_SIZE", "1")
    monkeypatch.delenv("CRM_TEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("CRM_TEST_PLUGIN_TIER", raising=False)

    with CrmServer(program=core(tmp_path)):
        settings = notes(tmp_path)[0][1]

    url = settings.pop("CRM_DATABASE_URL")
    assert settings == {"CRM_BACKGROUND": "false", "CRM_REFRESH_SECONDS": "0"}
    assert url.startswith("sqlite:////")
    assert not os.path.exists(os.path.dirname(url.removeprefix("sqlite:///")))  # noqa: PTH110, PTH120 - plain texts


def test_where_plugins_run_is_said_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TEST_PLUGIN_TIER", "isolated")

    with CrmServer(program=core(tmp_path)):
        assert notes(tmp_path)[0][1]["CRM_PLUGIN_TIER"] == "isolated"


@pytest.mark.parametrize(("tenant", "made"), [("main", []), ("other", [["init", "--json"]])])
def test_the_database_of_the_environment_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tenant: str, made: list[list[str]]
) -> None:
    monkeypatch.setenv("CRM_TEST_DATABASE_URL", "postgresql://somewhere/test")
    monkeypatch.setenv("FIRST_TENANT", tenant)

    with CrmServer(program=core(tmp_path)):
        assert notes(tmp_path)[-1][1]["CRM_DATABASE_URL"] == "postgresql://somewhere/test"

    assert calls(tmp_path)[:-1] == [["migrate"], ["tenant", "list", "--json"], *made]


def test_a_new_plugin_restarts_the_server_at_the_same_address(tmp_path: Path) -> None:
    with CrmServer(program=core(tmp_path)) as server:
        server.install("loyalty", "lead_scoring")
        server.install("loyalty")
        server.uninstall("loyalty")
        assert (server.url, server.plugins) == ("http://127.0.0.1:45678", ["lead_scoring"])

    again = ["serve", "--host", "127.0.0.1", "--port", "45678"]
    assert calls(tmp_path)[2:] == [
        ["plugin", "install", "loyalty"],
        ["plugin", "install", "lead_scoring"],
        again,
        ["plugin", "uninstall", "loyalty", "--keep"],
        again,
    ]


def test_a_plugin_that_cannot_be_installed_is_an_error_with_its_reason(tmp_path: Path) -> None:
    server = CrmServer(["broken"], program=core(tmp_path))

    with pytest.raises(
        CommandError, match=r"(?s)plugin install broken\nexit code 1; it wrote:\nplugin broken: no manif"
    ):
        server.start()


def test_a_server_that_ends_before_it_listens_shows_what_it_wrote(tmp_path: Path) -> None:
    program = core(tmp_path, "sys.exit('port 0 is taken')")

    with pytest.raises(CommandError, match=r"(?s)serve .*\nexit code 1; it wrote:\nport 0 is taken$"):
        CrmServer(program=program).start()


def test_a_server_that_ended_by_itself_is_an_error_at_the_end(tmp_path: Path) -> None:
    end = "\n    print('out of memory', flush=True)\n    os._exit(9)"
    server = CrmServer(program=core(tmp_path, SERVES.replace("\n    signal.sigwait({signal.SIGTERM})", end)))
    server.start()
    assert server._process is not None  # noqa: SLF001 - to wait for its end without sleeping
    server._process._process.wait()  # noqa: SLF001

    with pytest.raises(CommandError, match=r"(?s)ended during the test, exit code 9; it wrote:.*out of memory"):
        server.stop()


def test_a_server_that_does_not_stop_is_killed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin_sdk.testing.process._STOP_SECONDS", 0.5)
    server = CrmServer(program=core(tmp_path, SERVES.replace("SIGTERM", "SIGINT")))
    server.start()

    with pytest.raises(CommandError, match=r"(?s)still running 0\.5 s after SIGTERM; it wrote:\n.*listening"):
        server.stop()

    server.stop()


def test_a_server_that_has_not_started_has_no_command() -> None:
    with pytest.raises(RuntimeError, match="use it in a `with` block"):
        CrmServer().command.run("init")
