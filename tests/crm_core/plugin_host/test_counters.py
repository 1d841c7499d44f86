from __future__ import annotations

from crm_core.plugin_host.counters import PROVEN, Counters


def test_an_implementation_is_proven_after_three_quick_calls_and_loses_that_by_a_slow_one() -> None:
    figures = Counters().of(print, "a", "record_validate")
    seen = []
    for _ in range(4):
        seen.append(figures.quick >= PROVEN)
        figures.pace(slow=False)
    assert seen == [False, False, False, True]
    figures.pace(slow=True)
    for _ in range(PROVEN):
        assert figures.quick < PROVEN
        figures.pace(slow=False)
    assert figures.quick == PROVEN


def test_figures_are_kept_by_implementation_and_listed_by_plugin_and_place() -> None:
    counters = Counters()
    job = counters.of(("b", "job x"), "b", "job x")
    hook = counters.of(print, "b", "record_validate")
    other = counters.of(len, "a", "score")
    assert counters.of(print, "b", "record_validate") is hook
    assert list(counters) == [other, job, hook]
    assert (hook.calls, hook.failures, hook.skipped, hook.seconds) == (0, 0, 0, 0.0)


def test_an_implementation_that_failed_is_on_probation_again() -> None:
    figures = Counters().of(print, "a", "record_validate")
    figures.pace(slow=False)
    figures.doubt()
    assert (figures.failures, figures.quick) == (1, PROVEN - 3)
