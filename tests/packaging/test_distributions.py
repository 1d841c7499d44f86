from __future__ import annotations

import base64
import csv
import hashlib
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from tests.packaging.distributions import (
    ROOT,
    Built,
    Distribution,
    dist_info,
    metadata,
    plugins,
    sdist_files,
    wheel_contents,
    wheel_hashes,
    workspace,
)
from tests.packaging.environments import install

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN_TIME_REQUIREMENTS = {
    "crm-core": {
        "alembic",
        "asyncpg",
        "crm-plugin-sdk[db,http]",
        "cryptography",
        "fastapi",
        "msgspec",
        "pluggy",
        "pydantic",
        "rich",
        "semver",
        "sqlalchemy[asyncio]",
        "sqlglot",
        "typer",
        "uvicorn[standard]",
    },
    "crm-plugin-sdk": {"pluggy", "semver"},
}
SDK_EXTRAS = {
    "db": {"sqlalchemy"},
    "http": {"fastapi", "pydantic"},
    "testing": {"httpx", "hypothesis", "packaging", "pytest"},
}
CACHES = {"__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def name_with_extras(requirement: Requirement) -> str:
    extras = ",".join(sorted(requirement.extras))
    return f"{requirement.name}[{extras}]" if extras else requirement.name


def requirements(built: Built) -> list[Requirement]:
    return [Requirement(line) for line in metadata(built).get_all("Requires-Dist", [])]


def test_the_workspace_is_the_core_the_sdk_and_the_plugins() -> None:
    names = [distribution.name for distribution in workspace()]

    assert names[:2] == ["crm-core", "crm-plugin-sdk"]
    assert names == [distribution.project["name"] for distribution in workspace()]


def test_wheel_holds_its_packages_and_nothing_else_at_the_top(built: Built) -> None:
    packages = {
        "crm-core": {"crm_core", "compat_tests"},
        "crm-plugin-sdk": {"plugin_sdk"},
        **{plugin.name: {f"crm_{plugin.folder.name}"} for plugin in plugins()},
    }[built.distribution.name]
    information = f"{built.distribution.name.replace('-', '_')}-{built.distribution.project['version']}.dist-info"

    assert {name.split("/")[0] for name in wheel_contents(built.wheel)} == {*packages, information}


def test_wheel_holds_every_file_of_its_packages(built: Built) -> None:
    inside = {name for name in wheel_contents(built.wheel) if ".dist-info/" not in name}

    assert inside == built.distribution.runtime_files


def test_wheel_holds_no_caches_and_no_project_files(built: Built) -> None:
    names = set(wheel_contents(built.wheel))

    assert not [name for name in names if CACHES & set(name.split("/")) or name.endswith(".pyc")]
    for package in built.distribution.packages:
        assert not names & {f"{package.name}/{file}" for file in ("pyproject.toml", "PKG-INFO", "LICENSE")}
        assert not [name for name in names if name.startswith((f"{package.name}/tests/", f"{package.name}/docs/"))]


def test_core_and_sdk_publish_their_types(every_built: Mapping[str, Built]) -> None:
    core, sdk = (set(wheel_contents(every_built[name].wheel)) for name in ("crm-core", "crm-plugin-sdk"))

    assert {"crm_core/py.typed", "compat_tests/py.typed"} <= core
    assert "plugin_sdk/py.typed" in sdk


def test_record_lists_every_file_with_its_hash_and_size(built: Built) -> None:
    contents = wheel_contents(built.wheel)
    (record,) = (name for name in contents if name.endswith(".dist-info/RECORD"))
    expected = {
        name: (base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode(), len(content))
        for name, content in contents.items()
        if name != record
    }

    rows = {name: (digest, size) for name, digest, size in csv.reader(contents[record].decode().splitlines())}

    assert rows.pop(record) == ("", "")
    assert rows == {name: (f"sha256={digest}", str(size)) for name, (digest, size) in expected.items()}


def test_metadata_names_version_python_and_licence(built: Built) -> None:
    fields = metadata(built)

    assert fields["Name"] == built.distribution.name
    assert fields["Version"] == built.distribution.project["version"]
    assert fields["Requires-Python"] == ">=3.11"
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields.get_all("License-File") == ["LICENSE"]
    assert dist_info(built, "licenses/LICENSE") == (ROOT / "LICENSE").read_text("utf-8")


def test_classifiers_name_the_tested_pythons(every_built: Mapping[str, Built]) -> None:
    for name in ("crm-core", "crm-plugin-sdk"):
        prefix = "Programming Language :: Python :: 3."
        classifiers = metadata(every_built[name]).get_all("Classifier", [])

        versions = [line.removeprefix(prefix) for line in classifiers if line.startswith(prefix)]
        assert versions == ["11", "12", "13"]


def test_core_and_sdk_require_exactly_this_at_run_time(every_built: Mapping[str, Built]) -> None:
    for name, expected in RUN_TIME_REQUIREMENTS.items():
        plain = {name_with_extras(one) for one in requirements(every_built[name]) if one.marker is None}

        assert plain == expected, name


def test_core_has_no_extras_and_the_sdk_has_three(every_built: Mapping[str, Built]) -> None:
    assert metadata(every_built["crm-core"]).get_all("Provides-Extra", []) == []
    sdk = every_built["crm-plugin-sdk"]
    optional = [one for one in requirements(sdk) if one.marker is not None]

    assert set(metadata(sdk).get_all("Provides-Extra", [])) == set(SDK_EXTRAS)
    for extra, expected in SDK_EXTRAS.items():
        assert {one.name for one in optional if one.marker and one.marker.evaluate({"extra": extra})} == expected


def test_core_requires_the_sdk_of_its_own_version_line(every_built: Mapping[str, Built]) -> None:
    (sdk,) = (one for one in requirements(every_built["crm-core"]) if one.name == "crm-plugin-sdk")

    version = metadata(every_built["crm-plugin-sdk"])["Version"]
    major, minor, _ = version.split(".")
    assert sdk.specifier.contains(version)
    assert not sdk.specifier.contains(f"{major}.{int(minor) + 1}.0")
    assert not sdk.specifier.contains("0.0.9")


def test_plugins_require_the_sdk_and_not_the_core(every_built: Mapping[str, Built]) -> None:
    for plugin in plugins():
        names = {one.name for one in requirements(every_built[plugin.name])}

        assert "crm-plugin-sdk" in names
        assert "crm-core" not in names


def test_core_has_the_command_line_and_plugins_their_entry_point(built: Built) -> None:
    name = built.distribution.name
    folder = built.distribution.folder.name
    expected = {
        "crm-core": "[console_scripts]\ncrm = crm_core.cli:main\n",
        "crm-plugin-sdk": "[pytest11]\ncrm-plugin-sdk = plugin_sdk.testing.plugin\n",
    }.get(name, f"[crm.plugins]\n{folder} = crm_{folder}.hooks\n")
    has_file = any(path.endswith(".dist-info/entry_points.txt") for path in wheel_contents(built.wheel))

    assert (dist_info(built, "entry_points.txt") if has_file else None) == expected


def test_wheel_of_the_sdist_equals_the_wheel_of_the_tree(built: Built) -> None:
    assert built.wheel_of_sdist.name == built.wheel.name
    assert wheel_hashes(built.wheel_of_sdist) == wheel_hashes(built.wheel)


def test_core_sdist_holds_its_packages_and_its_project_files(every_built: Mapping[str, Built]) -> None:
    top = {path.parts[0] for path in sdist_files(every_built["crm-core"].sdist)}

    project_files = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    assert top - project_files == {"crm_core", "compat_tests"}
    assert {"LICENSE", "PKG-INFO", "pyproject.toml"} <= top


def test_sdists_hold_no_caches(built: Built) -> None:
    parts = {part for path in sdist_files(built.sdist) for part in path.parts}

    assert not parts & CACHES


def test_sdk_runs_with_pluggy_and_semver_alone(every_built: Mapping[str, Built], tmp_path: Path) -> None:
    environment = install(tmp_path, [str(every_built["crm-plugin-sdk"].wheel)])
    program = "import json, sys, plugin_sdk; print(json.dumps([plugin_sdk.__file__, *sys.modules]))"

    origin, *modules = environment.json("python", "-I", "-W", "error", "-c", program)

    assert set(environment.packages()) == {"crm-plugin-sdk", "pluggy", "semver"}
    assert str(tmp_path) in origin
    assert {"plugin_sdk", "pluggy"} <= set(modules)
    assert not {"alembic", "crm_core", "fastapi", "pydantic", "sqlalchemy", "starlette"} & set(modules)


def test_a_plugin_is_named_after_its_folder() -> None:
    for plugin in plugins():
        assert plugin == Distribution(
            name="crm-plugin-" + plugin.folder.name.replace("_", "-"),
            folder=ROOT / "plugins" / plugin.folder.name,
            packages=(ROOT / "plugins" / plugin.folder.name / "src" / f"crm_{plugin.folder.name}",),
        )
        assert (plugin.packages[0] / "hooks.py").is_file()
