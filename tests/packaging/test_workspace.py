from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.packaging.distributions import ROOT, Distribution, plugins, workspace

PINS = ROOT / ".ci" / "constraints.txt"


def tool_settings() -> dict[str, Any]:
    tools: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    return tools


def pins() -> dict[str, list[str]]:
    """Read the pins by name: the requirement, then its hashes."""
    blocks = re.split(r"\n(?=\w)", PINS.read_text("utf-8"))
    lines = [[line.strip(" \\") for line in block.splitlines()] for block in blocks if "==" in block.splitlines()[0]]
    return {Requirement(block[0]).name: block for block in lines}


@pytest.mark.parametrize("distribution", workspace(), ids=lambda distribution: distribution.name)
def test_every_requirement_is_pinned_inside_its_range(distribution: Distribution) -> None:
    project = distribution.project
    optional = [line for extra in project.get("optional-dependencies", {}).values() for line in extra]
    pinned = pins()

    for requirement in map(Requirement, [*project["dependencies"], *optional]):
        if requirement.name in {one.name for one in workspace()}:
            continue
        (exact,) = Requirement(pinned[requirement.name][0]).specifier
        assert requirement.specifier.contains(Version(exact.version)), f"{requirement}: run the command in CONTRIBUTING"


@pytest.mark.parametrize("distribution", workspace(), ids=lambda distribution: distribution.name)
def test_whatever_is_imported_is_required(distribution: Distribution) -> None:
    own = {package.name for package in distribution.packages}
    project, sdk = distribution.project, workspace()[1].project
    required = [Requirement(line) for line in project["dependencies"]]
    if distribution.name == sdk["name"]:
        required += [Requirement(line) for extra in project["optional-dependencies"].values() for line in extra]
    for line in [one for one in required if one.name == sdk["name"]]:
        extras = [one for extra in line.extras for one in sdk["optional-dependencies"][extra]]
        required += [Requirement("plugin_sdk"), *map(Requirement, [*sdk["dependencies"], *extras])]

    if distribution in plugins():
        required.append(Requirement("alembic"))  # migrations run inside the core, which brings it
    assert distribution.imports - own - sys.stdlib_module_names <= {one.name for one in required}


def test_every_development_requirement_is_pinned() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]

    assert {Requirement(line).name for line in groups["dev"]} <= set(pins())


def test_every_pin_has_hashes() -> None:
    pinned = pins()

    assert len(pinned) > len(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["dev"])
    for name, block in pinned.items():
        assert any(line.startswith("--hash=sha256:") for line in block), name


def test_the_command_that_makes_the_pins_is_documented_where_they_are() -> None:
    (command,) = re.findall(r"^#\s+(uv pip compile .*)$", PINS.read_text("utf-8"), re.MULTILINE)

    assert command in (ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()


def test_no_file_names_a_package_registry() -> None:
    command = ["git", "grep", "--untracked", "-lE", r"(index-url|find-links|default-index)[ =]+[\"']?[a-z]+://"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "://" not in PINS.read_text("utf-8")
    assert done.stdout.splitlines() == []
    assert not (ROOT / "uv.toml").exists()


def test_the_lock_file_is_ignored() -> None:
    done = subprocess.run(["git", "check-ignore", "uv.lock"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout == "uv.lock\n"


def test_every_distribution_carries_the_licence() -> None:
    for distribution in workspace():
        assert (distribution.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes(), distribution.name


def test_the_type_checker_knows_every_plugin() -> None:
    paths = tool_settings()["mypy"]["mypy_path"]

    assert {f"$MYPY_CONFIG_FILE_DIR/plugins/{plugin.folder.name}/src" for plugin in plugins()} <= set(paths)


def test_the_import_linter_knows_every_package() -> None:
    settings = tool_settings()["importlinter"]
    sources = {contract["id"]: set(contract.get("source_modules", [])) for contract in settings["contracts"]}
    packages = {package.name for one in workspace() for package in one.packages if (package / "__init__.py").exists()}

    assert packages <= set(settings["root_packages"])
    assert packages - {"crm_core", "compat_tests"} <= sources["core-private"]
    # The suite may know itself; that it knows no tests is a contract of its own.
    assert packages - {"compat_tests"} <= sources["suite-on-top"]
    assert sources["suite-black-box"] == {"compat_tests"}


def test_the_workflow_runs_our_script_on_every_python_that_we_name() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    prefix = "Programming Language :: Python :: "
    named = {line.removeprefix(prefix) for line in workspace()[0].project["classifiers"] if line.startswith(prefix)}

    assert re.findall(r"- run: (.*)", workflow) == ["bash .ci/run"]
    assert set(re.findall(r"^ +(3\.\d+)$", workflow, re.MULTILINE)) == named - {"3"}
    for minor in sorted(version.removeprefix("3.") for version in named - {"3"}):
        assert re.search(rf"\b{minor}\b", (ROOT / ".ci" / "run").read_text("utf-8")), minor
