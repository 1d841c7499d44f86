"""When a plugin that fails is not called any more: a state machine without a clock and without a database.

closed: it is called. Too many failures within the window open the breaker. open: it rests. half open: the rest is
over and one call may try; if that succeeds the breaker closes, if it fails it opens again. A breaker that opens too
often within the period ends in quarantine, which only an operator ends.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_core.settings import Settings

Moments = tuple[dt.datetime, ...]


class State(StrEnum):
    """What is stored of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    QUARANTINED = "quarantined"


class Phase(StrEnum):
    """What a breaker says at one moment."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Policy:
    """How many failures are too many."""

    failures: int = 3
    window: dt.timedelta = dt.timedelta(seconds=60)
    rest: dt.timedelta = dt.timedelta(seconds=30)
    openings: int = 3
    period: dt.timedelta = dt.timedelta(hours=1)

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Return the policy of an installation."""
        return cls(settings.breaker_failures, rest=dt.timedelta(seconds=settings.breaker_rest_seconds))


POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of one plugin for one tenant; every step returns another one.

    Several processes share it, so a step may come late: what an open breaker is told during its rest is news of
    calls that began before it opened, and changes nothing.
    """

    state: State = State.CLOSED
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    failures: Moments = ()
    openings: Moments = ()

    def phase(self, now: dt.datetime) -> Phase:
        """Return what it says at a moment."""
        if self.state is State.OPEN and self.until is not None and now >= self.until:
            return Phase.HALF_OPEN
        return Phase(self.state)

    def failed(self, now: dt.datetime, policy: Policy = POLICY) -> Breaker:
        """Return the breaker after a failure at a moment."""
        phase = self.phase(now)
        if phase is Phase.HALF_OPEN:
            return self._opened(now, policy)
        if phase is not Phase.CLOSED:
            return self
        failures = (*_within(self.failures, now, policy.window), now)
        if len(failures) >= policy.failures:
            return self._opened(now, policy)
        return replace(self, failures=failures)

    def succeeded(self, now: dt.datetime) -> Breaker:
        """Return the breaker after the call that tried whether the plugin works again has succeeded."""
        if self.phase(now) is not Phase.HALF_OPEN:
            return self
        return Breaker(State.CLOSED, now, None, (), self.openings)

    def resumed(self, now: dt.datetime) -> Breaker:
        """Return the breaker after an operator has said that the plugin is in order: nothing is held against it."""
        return Breaker(State.CLOSED, now)

    def _opened(self, now: dt.datetime, policy: Policy) -> Breaker:
        openings = (*_within(self.openings, now, policy.period), now)
        if len(openings) >= policy.openings:
            return Breaker(State.QUARANTINED, now, None, (), openings)
        return Breaker(State.OPEN, now, now + policy.rest, (), openings)


def _within(moments: Moments, now: dt.datetime, span: dt.timedelta) -> Moments:
    return tuple(moment for moment in moments if now - moment < span)
