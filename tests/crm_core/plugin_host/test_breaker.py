from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crm_core.plugin_host.breaker import POLICY, Breaker, Phase, Policy, State
from crm_core.settings import Settings

_START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _at(seconds: float) -> dt.datetime:
    return _START + dt.timedelta(seconds=seconds)


def _failing(*seconds: float) -> Breaker:
    breaker = Breaker()
    for second in seconds:
        breaker = breaker.failed(_at(second))
    return breaker


def test_two_failures_do_not_matter_and_three_within_a_minute_open_it() -> None:
    assert _failing(0, 10).phase(_at(10)) is Phase.CLOSED
    opened = _failing(0, 10, 20)
    assert (opened.state, opened.since, opened.until) == (State.OPEN, _at(20), _at(50))
    assert opened.phase(_at(49.9)) is Phase.OPEN
    assert opened.phase(_at(50)) is Phase.HALF_OPEN


def test_failures_further_apart_than_the_window_never_open_it() -> None:
    breaker = _failing(*range(0, 3600, 31))
    assert breaker.phase(_at(3600)) is Phase.CLOSED
    assert len(breaker.failures) == 2


def test_the_trial_decides() -> None:
    half = _failing(0, 1, 2)
    closed = half.succeeded(_at(40))
    assert (closed.phase(_at(40)), closed.failures, closed.since) == (Phase.CLOSED, (), _at(40))
    again = half.failed(_at(40))
    assert (again.phase(_at(40)), again.until) == (Phase.OPEN, _at(70))


def test_the_third_opening_within_an_hour_is_quarantine_for_ever() -> None:
    breaker = _failing(0, 1, 2).failed(_at(40)).failed(_at(80))
    assert (breaker.state, breaker.since, breaker.until) == (State.QUARANTINED, _at(80), None)
    assert breaker.phase(_at(10**9)) is Phase.QUARANTINED
    assert breaker.succeeded(_at(10**6)) == breaker.failed(_at(10**6)) == breaker


def test_openings_of_more_than_an_hour_ago_are_forgotten() -> None:
    breaker = _failing(0, 1, 2).succeeded(_at(40))
    for start in (3700, 7400, 11_100):
        for second in range(3):
            breaker = breaker.failed(_at(start + second))
        assert breaker.state is State.OPEN
        breaker = breaker.succeeded(_at(start + 60))


def test_news_of_calls_that_began_before_it_opened_changes_nothing() -> None:
    opened = _failing(0, 1, 2)
    assert opened.failed(_at(3)) == opened
    assert opened.succeeded(_at(3)) == opened


def test_an_operator_wipes_the_slate() -> None:
    quarantined = _failing(0, 1, 2).failed(_at(40)).failed(_at(80))
    assert quarantined.resumed(_at(100)) == Breaker(State.CLOSED, _at(100))


def test_an_installation_chooses_its_numbers() -> None:
    policy = Policy.of(Settings(breaker_failures=2, breaker_rest_seconds=5))
    breaker = Breaker().failed(_at(0), policy).failed(_at(1), policy)
    assert (breaker.phase(_at(5.9)), breaker.phase(_at(6))) == (Phase.OPEN, Phase.HALF_OPEN)
    assert Policy.of(Settings()) == POLICY


@given(st.lists(st.floats(0, 10_000), max_size=60))
def test_it_opens_only_after_as_many_failures_in_a_window_as_the_policy_says(offsets: list[float]) -> None:
    breaker = Breaker()
    moments = sorted(offsets)
    for index, second in enumerate(moments):
        before = breaker.phase(_at(second))
        breaker = breaker.failed(_at(second))
        if before is Phase.CLOSED and breaker.state is not State.CLOSED:
            assert second - moments[index - POLICY.failures + 1] < POLICY.window.total_seconds()


class Shared(RuleBasedStateMachine):
    """Two processes that see one breaker, each with news of calls that began at some time before."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.breaker = Breaker()
        self.resumed = True

    @rule(seconds=st.floats(0, 4000))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def fail(self) -> None:
        before = self.breaker
        self.breaker = before.failed(_at(self.now))
        if before.phase(_at(self.now)) in {Phase.OPEN, Phase.QUARANTINED}:
            assert self.breaker == before
        elif before.phase(_at(self.now)) is Phase.HALF_OPEN:
            assert self.breaker.state is not State.CLOSED

    @rule()
    def succeed(self) -> None:
        before = self.breaker
        self.breaker = before.succeeded(_at(self.now))
        if before.phase(_at(self.now)) is Phase.HALF_OPEN:
            assert self.breaker.phase(_at(self.now)) is Phase.CLOSED
        else:
            assert self.breaker == before

    @rule()
    def resume(self) -> None:
        self.breaker = self.breaker.resumed(_at(self.now))
        assert self.breaker.phase(_at(self.now)) is Phase.CLOSED

    @invariant()
    def its_parts_agree(self) -> None:
        breaker = self.breaker
        assert (breaker.until is not None) == (breaker.state is State.OPEN)
        assert len(breaker.failures) < POLICY.failures
        assert len(breaker.openings) <= POLICY.openings
        assert breaker.failures == tuple(sorted(breaker.failures))
        assert (breaker.state is State.QUARANTINED) <= (len(breaker.openings) == POLICY.openings)
        if breaker.until is not None and breaker.since is not None:
            assert breaker.until - breaker.since == POLICY.rest


TestShared = Shared.TestCase
