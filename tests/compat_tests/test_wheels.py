from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from compat_tests.errors import SourceError
from compat_tests.wheels import newest, normal, read_wheel
from tests.compat_tests.wheelhouse import wheel

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = """
[plugin]
id = "loyalty"
sdk = ">=0.1,<1"
core = "^0.1"
[requires]
base = "^1.0"
[hooks.record_load]
[hooks.routes]
"""


def test_a_wheel_tells_what_it_is(tmp_path: Path) -> None:
    path = wheel(tmp_path, "crm-plugin-loyalty", "1.0.0", "crm-plugin-sdk[db,http]>=0.1,<1", manifest=MANIFEST)

    found = read_wheel(path)

    assert (found.name, found.version) == ("crm-plugin-loyalty", "1.0.0")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(one.name, one.extras, one.range) for one in found.requirements] == [
        ("crm-plugin-sdk", ("db", "http"), ">=0.1,<1")
    ]
    assert found.manifest is not None
    assert (found.manifest.id, found.manifest.sdk, found.manifest.core) == ("loyalty", ">=0.1,<1", "^0.1")
    assert (found.manifest.requires, found.manifest.hooks) == (("base",), ("record_load", "routes"))


@pytest.mark.parametrize(
    ("line", "text", "extra"),
    [
        ("typer>=0.16", "typer>=0.16", None),
        ("typer (>=0.16)", "typer>=0.16", None),
        ('pytest>=9; extra == "testing"', "pytest>=9", "testing"),
        (
            "pytest>=9 ; extra == 'testing' and python_version < '3.12'",
            "pytest>=9 ; python_version < '3.12'",
            "testing",
        ),
        ("uvloop ; (sys_platform != 'win32') and extra == 'fast'", "uvloop ; (sys_platform != 'win32')", "fast"),
        ("uvicorn[standard]>=0.35", "uvicorn[standard]>=0.35", None),
    ],
)
def test_requirements_without_the_extra_they_belong_to(tmp_path: Path, line: str, text: str, extra: str | None) -> None:
    (found,) = read_wheel(wheel(tmp_path, "x", "1.0", line)).requirements

    assert (found.text, found.extra) == (text, extra)


def test_the_newest_is_the_highest_version(tmp_path: Path) -> None:
    wheels = [read_wheel(wheel(tmp_path, "x", version)) for version in ("0.9.0", "0.10.0rc1", "0.10.0", "0.2.0")]

    assert newest(wheels).version == "0.10.0"
    assert newest(wheels[:2]).version == "0.10.0rc1"


def test_names_are_normalised() -> None:
    assert normal("Crm_Plugin.SDK") == "crm-plugin-sdk"


def test_what_is_no_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / "x-1.0-py3-none-any.whl").write_text("no", "utf-8")

    with pytest.raises(SourceError, match="not a wheel"):
        read_wheel(tmp_path / "x-1.0-py3-none-any.whl")


def test_a_manifest_without_an_id_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"\[plugin\] id is missing"):
        read_wheel(wheel(tmp_path, "x", "1.0", manifest="[plugin]"))
