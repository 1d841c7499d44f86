from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from crm_core.errors import PluginError
from crm_core.plugin_host.package_files import SIGNATURE, package_files
from crm_core.plugin_host.signature import Signature, make_key, public_key, read_signature, sign_wheel
from tests.support.wheels import unpacked, write_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_key(tmp_path / "acme.key")
    return tmp_path / "acme.key"


def test_a_key_is_written_for_its_owner_only_and_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "acme.key"
    public = make_key(file)
    assert len(base64.b64decode(public)) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    with pytest.raises(PluginError, match="exists; a key is never overwritten"):
        make_key(file)
    assert file.read_bytes() == content
    with pytest.raises(PluginError, match="cannot be written: No such file or directory"):
        make_key(tmp_path / "nowhere" / "acme.key")


def test_a_signed_wheel_holds_what_was_signed(tmp_path: Path, key: Path) -> None:
    wheel = write_wheel(tmp_path, "books")
    public = sign_wheel(wheel, key)
    package = unpacked(wheel, tmp_path / "site")
    files = package_files(package, "no-such-distribution")
    assert read_signature(package) == Signature(public, files)
    assert sorted(files) == ["crm_books/__init__.py", "crm_books/crm-plugin.toml", "crm_books/hooks.py"]


def test_installers_find_the_signature_in_the_list_of_files(tmp_path: Path, key: Path) -> None:
    wheel = write_wheel(tmp_path, "books")
    sign_wheel(wheel, key)
    sign_wheel(wheel, key)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(set(archive.namelist()))
        content = archive.read(f"crm_books/{SIGNATURE}")
        lines = archive.read("crm_books-1.0.0.dist-info/RECORD").decode().splitlines()
    hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    assert [line for line in lines if SIGNATURE in line] == [f"crm_books/{SIGNATURE},sha256={hashed},{len(content)}"]
    assert [path.name for path in tmp_path.glob("*.whl*")] == [wheel.name]


def test_without_a_signature_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert read_signature(unpacked(write_wheel(tmp_path, "books"), tmp_path / "site")) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content["files"].update({"crm_books/hooks.py": "0" * 64}), "was forged or damaged"),
        (lambda content: content["files"].pop("crm_books/hooks.py"), "was forged or damaged"),
        (lambda content: content.update(public_key=base64.b64encode(b"k" * 32).decode()), "was forged or damaged"),
        (lambda content: content.update(public_key="no key"), "was forged or damaged"),
        (lambda content: content.update(signature="AAAA"), "was forged or damaged"),
        (lambda content: content.update(signature=7), "was forged or damaged"),
        (lambda content: content.update(format=2), "has a format that this version does not know"),
        (lambda content: content.update(files=[1]), "cannot be read"),
        (lambda content: content.pop("signature"), "cannot be read"),
    ],
)
def test_a_signature_that_does_not_hold_says_so(tmp_path: Path, key: Path, change: object, told: str) -> None:
    wheel = write_wheel(tmp_path, "books")
    sign_wheel(wheel, key)
    package = unpacked(wheel, tmp_path / "site")
    content = json.loads((package / SIGNATURE).read_text())
    change(content)  # type: ignore[operator]
    (package / SIGNATURE).write_text(json.dumps(content))
    answer = read_signature(package)
    assert isinstance(answer, str)
    assert told in answer


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"null", b"x" * (4 * 2**20 + 1)])
def test_any_other_content_is_no_signature(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SIGNATURE).write_bytes(content)
    answer = read_signature(tmp_path)
    assert isinstance(answer, str)
    assert answer.startswith(f"its {SIGNATURE} ")


def test_what_is_no_wheel_or_no_key_is_named(tmp_path: Path, key: Path) -> None:
    wheel = write_wheel(tmp_path, "books")
    with pytest.raises(PluginError, match="no private key can be read here; crm plugin keygen none"):
        sign_wheel(wheel, tmp_path / "none")
    with pytest.raises(PluginError, match="cannot be read as a wheel"):
        sign_wheel(key, key)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("crm_books-1.0.0.data/scripts/run", "x")
    with pytest.raises(PluginError, match="has files that are installed elsewhere"):
        sign_wheel(wheel, key)
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("a/b", "x")
    with pytest.raises(PluginError, match="is no wheel of a plugin"):
        sign_wheel(empty, key)
    assert make_key(tmp_path / "other.key") == public_key(
        sign_wheel(write_wheel(tmp_path, "b"), tmp_path / "other.key")
    )


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é", base64.b64encode(b"k" * 33).decode()])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(PluginError, match="is no public key; give the line that crm plugin keygen printed"):
        public_key(text)
