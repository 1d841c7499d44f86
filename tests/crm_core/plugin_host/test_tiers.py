from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import PluginError
from crm_core.plugin_host import tiers
from crm_core.plugin_host.discovery import Discovered
from crm_core.plugin_host.tiers import Choice, Tier, Verdict, choices, choose, named_tiers, required_walls
from crm_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUSTED = {"known": Verdict(trusted=True, reason="trusted by operator ann on 2026-01-02")}


def found(*names: str) -> list[Discovered]:
    return [Discovered(name, name, None, name, None) for name in names]


def every_wall(required: frozenset[str]) -> Mapping[str, str]:
    assert required == {"seccomp", "rlimits", "no_new_privs"}
    return {}


def test_auto_runs_in_process_what_somebody_vouches_for() -> None:
    assert choices(found("known", "new"), Settings(), _TRUSTED, every_wall) == {
        "known": Choice(Tier.IN_PROCESS, "trusted by operator ann on 2026-01-02"),
        "new": Choice(Tier.ISOLATED, "not trusted"),
    }


def test_who_vouches_may_ask_for_isolation_all_the_same() -> None:
    careful = {"known": Verdict(trusted=True, reason="trusted by ann", tier=Tier.ISOLATED)}
    assert choose(found("known"), Settings(), careful, every_wall) == {"known": Tier.ISOLATED}


@pytest.mark.parametrize("tier", list(Tier))
def test_one_tier_for_all_whoever_is_trusted(tier: Tier) -> None:
    chosen = choices(found("known", "new"), Settings(plugin_tier=tier.value), _TRUSTED, every_wall)
    assert chosen == dict.fromkeys(("known", "new"), Choice(tier, f"CRM_PLUGIN_TIER={tier.value}"))


def test_a_word_on_one_plugin_comes_before_everything() -> None:
    settings = Settings(plugin_tier="isolated", plugin_tiers=" new = in_process ,, known=isolated")
    assert choices(found("known", "new"), settings, _TRUSTED, every_wall) == {
        "known": Choice(Tier.ISOLATED, "CRM_PLUGIN_TIERS says so"),
        "new": Choice(Tier.IN_PROCESS, "CRM_PLUGIN_TIERS says so"),
    }


def test_without_a_required_wall_an_isolated_plugin_is_refused_and_the_others_run() -> None:
    settings = Settings(plugin_tier="isolated", plugin_tiers="known=in_process")
    chosen = choices(found("known", "new"), settings, {}, lambda _: {"seccomp": "this kernel has none"})
    assert chosen["known"].tier is Tier.IN_PROCESS
    assert chosen["new"] == Choice(
        None,
        "plugin new would run isolated (CRM_PLUGIN_TIER=isolated), but walls that CRM_ISOLATION_REQUIRE asks for "
        "cannot stand here (seccomp: this kernel has none); trust it with crm plugin trust new, or take these walls "
        "out of CRM_ISOLATION_REQUIRE",
    )
    assert tiers.tiers_of(chosen) == {"known": Tier.IN_PROCESS}


def test_nobody_asks_for_walls_that_no_plugin_needs() -> None:
    def unexpected(_: frozenset[str]) -> Mapping[str, str]:
        raise AssertionError

    assert choose(found("a", "b"), Settings(plugin_tier="in_process"), {}, unexpected) == dict.fromkeys(
        "ab", Tier.IN_PROCESS
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(plugin_tier="safe"), "CRM_PLUGIN_TIER=safe: there is no such tier; write one of auto, in_process, "),
        (Settings(plugin_tiers="a=safe"), "CRM_PLUGIN_TIERS: a=safe: there is no such tier; write one of in_process, "),
        (Settings(plugin_tiers="loyalty"), "CRM_PLUGIN_TIERS: 'loyalty' is not plugin=tier; write for example "),
        (Settings(plugin_tiers="=isolated"), "CRM_PLUGIN_TIERS: '=isolated' is not plugin=tier; write for example "),
    ],
)
def test_a_setting_that_means_nothing_is_named(settings: Settings, message: str) -> None:
    with pytest.raises(PluginError) as caught:
        choices(found("a"), settings, {})
    assert str(caught.value).startswith(message)


_names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(st.dictionaries(_names, st.sampled_from(list(Tier))))
def test_the_tiers_of_single_plugins_are_read_as_written(wanted: dict[str, Tier]) -> None:
    text = ", ".join(f"{name}={tier.value}" for name, tier in wanted.items())
    assert named_tiers(Settings(plugin_tiers=text)) == wanted


def test_required_walls_are_a_list() -> None:
    assert required_walls(Settings(isolation_require=" seccomp , ,uid")) == {"seccomp", "uid"}
    assert required_walls(Settings(isolation_require="")) == frozenset()
