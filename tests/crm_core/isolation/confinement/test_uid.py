from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation.confinement import capabilities, readable, uid
from tests.support.confined import Raised, child

if TYPE_CHECKING:
    from tests.support.confined import Child

_IS_ROOT = os.geteuid() == 0


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_uid_of_a_plugin_is_in_the_range_and_stays(plugin: str) -> None:
    assert uid.FIRST <= uid.of(plugin) < uid.FIRST + uid.COUNT
    assert uid.of(plugin) == uid.of(plugin)


def test_the_uids_of_two_plugins_differ_and_are_the_documented_ones() -> None:
    assert (uid.of("loyalty"), uid.of("lead_scoring")) == (2_002_449_858, 2_012_051_209)


def test_a_plugin_is_a_user_of_its_own_for_good_or_the_host_is_no_root() -> None:
    with child(confined=False) as each:
        if not _IS_ROOT:
            assert _reason(each, []) == f"the host runs as user {os.geteuid()}; only root can give each plugin a user"
            return
        each.call("become_plugin_whatever_is_in_the_way", "loyalty", each.scratch)
        own = uid.of("loyalty")
        assert each.call("ids") == [[own] * 3, [own] * 3, []]
        for other in (0, own + 1):
            assert _refused(each, "become", other)
            assert _refused(each, "become_group", other)
        assert _refused(each, "signal_to", os.getpid(), 0)
        assert _refused(each, "change_root", each.scratch)
        assert each.call("write", f"{each.scratch}/own.txt") == 7
        assert Path(each.scratch, "own.txt").stat().st_uid == own


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "code").mkdir(parents=True)
    private.chmod(0o700)
    with child(confined=False) as each:
        reason = _reason(each, [str(private / "code")])
        ids = each.call("ids")
    if _IS_ROOT:
        blocking = readable.obstacle(readable.code([str(private / "code")]))
        assert reason.startswith(f"folder {blocking} keeps other users out")
        assert "install them where every user of this machine may read" in reason
    assert ids[0] == list(os.getresuid())


def test_root_without_the_capabilities_it_takes(tmp_path: Path) -> None:
    with child(confined=False) as each:
        each.call("give_up_capabilities")
        reason = _reason(each, [str(tmp_path)])
    needed = "the host is root without CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID"
    assert reason.startswith(needed if _IS_ROOT else "the host runs as user")


def test_an_ordinary_user_or_root_has_what_the_kernel_says() -> None:
    assert bool(capabilities.effective(os.uname().machine)) is _IS_ROOT


def _reason(each: Child, paths: list[str]) -> str:
    with pytest.raises(Raised, match="WallMissing") as caught:
        each.call("become_plugin", "loyalty", paths, each.scratch)
    return caught.value.text


def _refused(each: Child, probe: str, *arguments: object) -> bool:
    with pytest.raises(Raised, match="PermissionError"):
        each.call(probe, *arguments)
    return True
