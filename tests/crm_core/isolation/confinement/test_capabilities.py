from __future__ import annotations

import os

import pytest

from tests.support.confined import Raised, child

_IS_ROOT = os.geteuid() == 0


def test_no_capability_is_left_and_none_can_come_back() -> None:
    with child(confined=False) as each:
        bounds = each.call("bounding_set")
        before, after = each.call("give_up_capabilities")
        assert (bool(before), after) == (_IS_ROOT, 0)
        assert each.call("bounding_set") == ([] if _IS_ROOT else bounds)
        with pytest.raises(Raised, match="PermissionError"):
            each.call("change_root", each.scratch)
        with pytest.raises(Raised, match="PermissionError"):
            each.call("become", 12345)
