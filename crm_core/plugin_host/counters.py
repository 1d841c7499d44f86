"""How often the plugins of this process have been called, how that went and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBATION = 3
PROVEN = 50
"""After how many quick calls an implementation that was slow is called in place again."""


class Figures:
    """What is known of one implementation: counts for people, and whether it may block other requests.

    An implementation is ``proven`` after a few quick calls. One slow call takes that back until it has been quick
    for a while. Counts are kept without a lock: threads may lose one in a million, which a metric can bear.
    """

    __slots__ = ("calls", "failures", "plugin", "quick", "seconds", "skipped", "where")

    def __init__(self, plugin: str, where: str) -> None:
        """Begin at zero; ``where`` is the hook, route or job."""
        self.plugin = plugin
        self.where = where
        self.calls = 0
        self.failures = 0
        self.skipped = 0
        self.seconds = 0.0
        self.quick = PROVEN - _PROBATION

    def doubt(self) -> None:
        """Note that a call has failed: nobody knows any more how it goes on."""
        self.failures += 1
        self.quick = min(self.quick, PROVEN - _PROBATION)

    def pace(self, *, slow: bool) -> None:
        """Note whether a call was too slow to be made in place; needed as long as it is not proven, or slow."""
        self.quick = 0 if slow else self.quick + 1


class Counters:
    """The figures of every implementation that has been called."""

    __slots__ = ("figures",)

    def __init__(self) -> None:
        """Begin with none."""
        self.figures: dict[object, Figures] = {}

    def of(self, key: object, plugin: str, where: str) -> Figures:
        """Return the figures of one implementation; ``key`` is its function, or what else is one of a kind."""
        return self.figures.get(key) or self.figures.setdefault(key, Figures(plugin, where))

    def __iter__(self) -> Iterator[Figures]:
        """Return all figures, by plugin and place."""
        return iter(sorted(self.figures.values(), key=lambda figures: (figures.plugin, figures.where)))
