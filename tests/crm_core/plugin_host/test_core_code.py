from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING

import pytest

from crm_core import __version__
from crm_core.errors import PluginError
from crm_core.plugin_host.core_code import (
    DISTRIBUTIONS,
    CodeFiles,
    code_untouched,
    differences_from_release,
    is_editable,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def packages(tmp_path: Path) -> list[Path]:
    """Give two packages as an installer leaves them, with what an installer notes."""
    site = tmp_path / "site"
    files = {"core_x/__init__.py": b"", "core_x/a/b.py": b"x = 1\n", "sdk_x/__init__.py": b"y = 2\n"}
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)
    notes = site / "core_x-1.0.0.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: core-x\nVersion: 1.0.0\n")
    hashes = {
        name: base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        for name, content in files.items()
    }
    lines = [f"{name},sha256={value},1" for name, value in hashes.items() if name.startswith("core_x/")]
    (notes / "RECORD").write_text("\n".join([*lines, "core_x-1.0.0.dist-info/RECORD,,", "../bin/x,sha256=abc,1"]))
    return [site / "core_x", site / "sdk_x"]


def contents(packages: list[Path]) -> dict[str, bytes]:
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for package in packages
        for path in package.rglob("*.py")
    }


def tamper(packages: list[Path]) -> None:
    core, sdk = packages
    (core / "a" / "b.py").write_bytes(b"x = 3\n")
    (core / "evil.py").write_bytes(b"")
    (sdk / "__init__.py").unlink()


def test_changed_files_end_the_step_and_are_brought_back(packages: list[Path]) -> None:
    before = contents(packages)

    def step() -> None:
        with code_untouched("evil@1.0.0", packages, checkout=False) as require:
            tamper(packages)
            require()

    with pytest.raises(PluginError) as caught:
        step()
    assert str(caught.value).startswith(
        "evil@1.0.0: the core's own files changed while it was taken in (core_x/a/b.py was changed; core_x/evil.py was "
        "added; sdk_x/__init__.py was removed); they were brought back"
    )
    assert contents(packages) == before


def test_a_step_that_fails_otherwise_leaves_the_files_as_before(packages: list[Path]) -> None:
    before = contents(packages)

    def step() -> None:
        with code_untouched("x@1.0.0", packages, checkout=False):
            tamper(packages)
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        step()
    assert contents(packages) == before


def test_caches_are_no_code(packages: list[Path]) -> None:
    with code_untouched("x@1.0.0", packages, checkout=False) as require:
        (packages[0] / "__pycache__").mkdir()
        (packages[0] / "__pycache__" / "b.pyc").write_bytes(b"")
        require()


def test_nobodys_work_is_overwritten_in_a_checkout(packages: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), code_untouched("x@1.0.0", packages, checkout=True) as require:
        tamper(packages)
        require()
    assert (packages[0] / "a" / "b.py").read_bytes() == b"x = 3\n"
    told = (
        "files of this development checkout changed while x@1.0.0 was taken in: core_x/a/b.py was changed; "
        "core_x/evil.py was added; sdk_x/__init__.py was removed"
    )
    assert caplog.messages == [told]


def test_an_installed_release_is_compared_with_what_its_installer_noted(
    packages: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(packages[0].parent))
    assert not is_editable("core-x")
    assert differences_from_release("core-x", packages[0]) == []
    tamper(packages)
    (packages[0] / "__init__.py").unlink()
    assert differences_from_release("core-x", packages[0]) == [
        "core_x/__init__.py is missing",
        "core_x/a/b.py was changed",
        "core_x/evil.py was added",
    ]


def test_what_is_not_installed_is_no_release() -> None:
    assert is_editable("no-such-distribution")


def test_our_own_code_has_one_line_per_file_and_its_versions() -> None:
    code = CodeFiles.read()
    lines = code.lines()
    assert f'version crm-core: ["{__version__}"]' in lines
    assert len(lines) == len(code.contents) + 2
    assert {"crm_core/app.py", "plugin_sdk/__init__.py"} <= code.contents.keys()
    assert [path.name for path in DISTRIBUTIONS.values()] == ["crm_core", "plugin_sdk"]
    digest = hashlib.sha256(code.contents["crm_core/app.py"]).hexdigest()
    assert f'file crm_core/app.py: ["{digest}"]' in lines
