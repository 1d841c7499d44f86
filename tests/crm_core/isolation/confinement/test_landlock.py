from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core.isolation.confinement.landlock import attributes
from tests.support.confined import Raised, child

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("abi", "files", "network", "scopes", "size"),
    [
        (1, 0x1FFF, 0, 0, 8),
        (2, 0x3FFF, 0, 0, 8),
        (3, 0x7FFF, 0, 0, 8),
        (4, 0x7FFF, 3, 0, 16),
        (5, 0xFFFF, 3, 0, 16),
        (6, 0xFFFF, 3, 3, 24),
        (7, 0xFFFF, 3, 3, 24),
        (99, 0xFFFF, 3, 3, 24),
    ],
)
def test_each_version_is_asked_for_all_it_knows(abi: int, files: int, network: int, scopes: int, size: int) -> None:
    asked, length = attributes(abi)
    assert (asked.files, asked.network, asked.scopes, length) == (files, network, scopes, size)


def test_the_wall_by_itself_lets_only_code_be_read_and_only_scratch_be_written(tmp_path: Path) -> None:
    code, data = tmp_path / "code", tmp_path / "data"
    for folder in (code, data):
        folder.mkdir()
        (folder / "file.txt").write_text(folder.name, encoding="utf-8")
    with child(confined=False) as each:
        assert each.call("read", str(data / "file.txt")) == "data"
        each.call("raise_landlock", [str(code)], each.scratch)
        assert each.call("read", str(code / "file.txt")) == "code"
        assert each.call("write", f"{each.scratch}/file.txt") == 7
        assert each.call("fork") == 7  # the business of another wall
        for probe, arguments in [
            ("read", [str(data / "file.txt")]),
            ("entries", [str(data)]),
            ("write", [str(code / "file.txt")]),
            ("remove", [str(code / "file.txt")]),
            ("truncate", [str(code / "file.txt")]),
            ("read_through_symlink", [f"{each.scratch}/link", str(data / "file.txt")]),
            ("make_fifo", [f"{each.scratch}/fifo"]),
            ("run", []),
            ("listen", []),
        ]:
            with pytest.raises(Raised, match="PermissionError"):
                each.call(probe, *arguments)
