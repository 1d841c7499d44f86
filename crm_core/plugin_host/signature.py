"""Signatures of plugins: a partner signs the files of a wheel with an Ed25519 key, and anybody can check it.

The signature lists the files it is for, so that one that was changed afterwards can be named.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_core.errors import PluginError
from crm_core.plugin_host.discovery import MANIFEST
from crm_core.plugin_host.package_files import SIGNATURE, counted, listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_FORMAT = 1
_KEY_BYTES = 32
# Much more than the lines of any package's files; what is larger is not read at all.
_LARGEST = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature that holds says: whose key made it, and for which files."""

    public_key: str
    files: Mapping[str, str]


def make_key(file: Path) -> str:
    """Write a new private key to a file only its owner can read, and return the public key."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only who signs or checks needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        message = f"{file} exists; a key is never overwritten, choose another file"
        raise PluginError(message) from None
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise PluginError(message) from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(text)
    return _public(key)


def public_key(text: str) -> str:
    """Return a public key as it is stored, or raise if the text is none."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES:
        message = f"{text.strip()[:60]!r} is no public key; give the line that crm plugin keygen printed"
        raise PluginError(message)
    return base64.b64encode(raw).decode()


def sign_wheel(wheel: Path, key_file: Path) -> str:
    """Put the signature of its files into a wheel, in place of an earlier one; return the public key."""
    key = _private(key_file)
    try:
        with zipfile.ZipFile(wheel) as archive:
            contents = {info.filename: (info, archive.read(info)) for info in archive.infolist() if not info.is_dir()}
    except (OSError, zipfile.BadZipFile) as error:
        message = f"{wheel}: cannot be read as a wheel: {error}"
        raise PluginError(message) from error
    package, record = _places(wheel, contents)
    files = {name: hashlib.sha256(data).hexdigest() for name, (_, data) in contents.items() if counted(name)}
    content = {
        "format": _FORMAT,
        "public_key": _public(key),
        "files": files,
        "signature": base64.b64encode(key.sign(_message(files))).decode(),
    }
    text = (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
    _rewrite(wheel, contents, f"{package}/{SIGNATURE}", text, record)
    return _public(key)


def read_signature(package: Path) -> Signature | str | None:
    """Return the signature of a package if it holds for the files it lists, a sentence if not, None without one."""
    file = package / SIGNATURE
    if not file.exists():
        return None
    try:
        if file.stat().st_size > _LARGEST:
            return f"its {SIGNATURE} is too large to be one"
        content = json.loads(file.read_bytes())
        files = {str(name): str(digest) for name, digest in content["files"].items()}
        known, key, signature = content["format"] == _FORMAT, content["public_key"], content["signature"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its {SIGNATURE} cannot be read; it was damaged or is no signature"
    if not known:
        return f"its {SIGNATURE} has a format that this version does not know"
    if not _holds(key, signature, files):
        return f"its {SIGNATURE} was forged or damaged: the signature is not of the key it names"
    return Signature(public_key(key), files)


def _holds(key: Any, signature: Any, files: Mapping[str, str]) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who signs or checks needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

    try:
        raw = base64.b64decode(str(signature), validate=True)
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(str(key))))
        known.verify(raw, _message(files))
    except (InvalidSignature, PluginError, ValueError):
        return False
    return True


def _message(files: Mapping[str, str]) -> bytes:
    """Return what is signed; it begins with what it is, so that no other signature by the key can be taken for it."""
    return f"{SIGNATURE} {_FORMAT}\n{listing(files)}".encode()


def _private(file: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only who signs or checks needs it
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = f"{file}: no private key can be read here; crm plugin keygen {file.name} makes one"
        raise PluginError(message) from error
    if not isinstance(key, Ed25519PrivateKey):
        message = f"{file}: the key is not an Ed25519 key; crm plugin keygen {file.name} makes one"
        raise PluginError(message)
    return key


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _places(wheel: Path, contents: Mapping[str, object]) -> tuple[str, str]:
    """Return the folder of the plugin's package in a wheel, and the path of its list of files."""
    manifests = [name for name in contents if name.count("/") == 1 and name.endswith(f"/{MANIFEST}")]
    records = [name for name in contents if name.count("/") == 1 and name.endswith(".dist-info/RECORD")]
    moved = [name for name in contents if name.partition("/")[0].endswith(".data")]
    if len(manifests) != 1 or len(records) != 1:
        message = f"{wheel}: is no wheel of a plugin: it needs one package with {MANIFEST} and one RECORD"
    elif moved:
        # Installers put these elsewhere and change some, so that no signature could be checked afterwards.
        message = f"{wheel}: has files that are installed elsewhere ({moved[0]}); build the wheel without them"
    else:
        return manifests[0].partition("/")[0], records[0]
    raise PluginError(message)


def _rewrite(
    wheel: Path, contents: Mapping[str, tuple[zipfile.ZipInfo, bytes]], place: str, text: bytes, record: str
) -> None:
    lines = contents[record][1].decode().splitlines()
    hashed = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip("=")
    lines = [line for line in lines if not line.startswith(f"{place},")]
    lines.append(f"{place},sha256={hashed},{len(text)}")
    fresh = wheel.with_suffix(".whl.signing")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (info, data) in contents.items():
            if name not in {place, record}:
                archive.writestr(info, data)
        like = contents[record][0]
        for name, data in ((place, text), (record, ("\n".join(lines) + "\n").encode())):
            info = zipfile.ZipInfo(name, like.date_time)
            info.external_attr = like.external_attr
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    fresh.replace(wheel)
