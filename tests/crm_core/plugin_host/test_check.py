from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from crm_core.plugin_host.check import check_manifest

if TYPE_CHECKING:
    from pathlib import Path

_GOOD = '[plugin]\nid = "aa"\nname = "A"\nversion = "1.0.0"\nsummary = "S"\nsdk = "*"\ncore = "*"\n'


def test_a_manifest_is_found_in_a_file_a_folder_and_a_wheel(tmp_path: Path) -> None:
    folder = tmp_path / "src" / "crm_aa"
    folder.mkdir(parents=True)
    file = folder / "crm-plugin.toml"
    file.write_text(_GOOD + "[hooks.record_validat]\n")
    wheel = tmp_path / "aa-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(file, "crm_aa/crm-plugin.toml")
    found = {path: check_manifest(path) for path in (file, tmp_path / "src", wheel)}
    assert [len(problems) for problems in found.values()] == [1, 1, 1]
    assert all("record_validate" in problem for [problem] in found.values())
    file.write_text(_GOOD)
    assert check_manifest(file) == []


def test_what_holds_no_manifest_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.whl").write_bytes(b"not a wheel")
    assert (
        "no crm-plugin.toml here; give the file, a folder that contains it, or a wheel" in check_manifest(tmp_path)[0]
    )
    assert check_manifest(tmp_path / "absent")[0].startswith(str(tmp_path / "absent"))
    assert (
        "cannot be read: File is not a zip file; build or copy it again" in check_manifest(tmp_path / "broken.whl")[0]
    )
