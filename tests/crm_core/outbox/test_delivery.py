from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from crm_core.outbox.delivery import pause_after


@given(st.integers(min_value=1, max_value=2_000))
def test_the_pause_doubles_within_a_quarter_up_to_an_hour(attempts: int) -> None:
    usual = min(2.0 ** min(attempts - 1, 20), 3_600.0)
    assert usual * 0.75 <= pause_after(attempts).total_seconds() <= min(usual * 1.25, 3_600.0)


def test_the_first_pause_is_about_a_second() -> None:
    assert dt.timedelta(seconds=0.75) <= pause_after(1) <= dt.timedelta(seconds=1.25)
