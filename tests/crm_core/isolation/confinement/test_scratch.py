from __future__ import annotations

import os
from pathlib import Path

import pytest

from crm_core.isolation.confinement import capabilities
from tests.support.confined import Raised, child

_CAP_SYS_ADMIN = 21
_MAY_MOUNT = bool(capabilities.effective(os.uname().machine) >> _CAP_SYS_ADMIN & 1)


def test_a_scratch_folder_holds_so_much_where_the_host_may_mount() -> None:
    with child(confined=True) as each:
        if _MAY_MOUNT:
            with pytest.raises(Raised, match=r"OSError: \[Errno 28\]"):
                each.call("write_many", each.scratch)
        else:
            assert each.call("write_many", each.scratch) == 100 * 2**20
        assert each.call("write", f"{each.scratch}/file.txt") == 7
        assert Path(each.scratch, "file.txt").exists() is not _MAY_MOUNT
        assert each.scratch not in Path("/proc/mounts").read_text(encoding="utf-8")
    assert not Path(each.scratch).exists()
