from __future__ import annotations

import pytest

from tests.support.confined import Raised, child

_MEMORY = 128 * 2**20


@pytest.mark.parametrize("own_uid", [False, True])
def test_limits_are_lowered_for_good(own_uid: bool) -> None:  # noqa: FBT001 - a parameter of the test
    with child(confined=False) as each:
        before = each.call("limits")
        each.call("lower_limits", _MEMORY, own_uid)
        limits = each.call("limits")
        assert limits["RLIMIT_DATA"] == [_MEMORY, _MEMORY]
        assert limits["RLIMIT_AS"] == [_MEMORY + 512 * 2**20] * 2
        assert limits["RLIMIT_CORE"] == limits["RLIMIT_MEMLOCK"] == [0, 0]
        assert limits["RLIMIT_NOFILE"] == [64, 64]
        assert limits["RLIMIT_CPU"] == before["RLIMIT_CPU"]
        assert limits["RLIMIT_NPROC"] == ([256, 256] if own_uid else before["RLIMIT_NPROC"])
        with pytest.raises(Raised, match="MemoryError"):
            each.call("allocate", _MEMORY)
        each.call("lower_limits", 2 * _MEMORY, own_uid)
        assert each.call("limits") == limits
