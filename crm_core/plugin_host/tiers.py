"""Where a plugin's code runs: inside the server's process, or in a confined process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crm_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.settings import Settings

    Walls = Callable[[frozenset[str]], Mapping[str, str]]

_AUTO = "auto"


class Tier(StrEnum):
    """The two places a plugin's code can run in; a plugin sees the same SDK in both."""

    IN_PROCESS = "in_process"
    ISOLATED = "isolated"

    @property
    def words(self) -> str:
        """Return the tier as sentences have it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody vouches for the code of a plugin as it is here, and who, or why not."""

    trusted: bool
    reason: str
    tier: Tier = Tier.IN_PROCESS
    """The tier the one who trusts it asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The tier of one plugin and why; without a tier the plugin is refused."""

    tier: Tier | None
    why: str

    @property
    def sentence(self) -> str:
        """Return both, for people: ``in process: trusted by operator ann``."""
        return f"{self.tier.words}: {self.why}" if self.tier else self.why


def choose(
    discovered: Iterable[Discovered], settings: Settings, trusted: Mapping[str, Verdict], walls: Walls | None = None
) -> dict[str, Tier]:
    """Return the tier of each plugin that may run; ``choices`` has the reasons and the refused ones too."""
    return tiers_of(choices(discovered, settings, trusted, walls))


def tiers_of(chosen: Mapping[str, Choice]) -> dict[str, Tier]:
    """Return the tiers of the plugins that were not refused."""
    return {name: choice.tier for name, choice in chosen.items() if choice.tier is not None}


def choices(
    discovered: Iterable[Discovered], settings: Settings, trusted: Mapping[str, Verdict], walls: Walls | None = None
) -> dict[str, Choice]:
    """Return the choice for each plugin: the operator's word for it, then that for all, then trust.

    ``walls`` tells which of the required walls of isolation cannot stand here (None asks this machine).
    """
    overrides = named_tiers(settings)
    wanted = {
        each.id: _wanted(each.id, settings.plugin_tier, overrides, trusted.get(each.id, _UNKNOWN))
        for each in discovered
    }
    if all(choice.tier is not Tier.ISOLATED for choice in wanted.values()):
        return wanted
    missing = (walls or missing_walls)(required_walls(settings))
    return {name: _walled(name, choice, missing) for name, choice in wanted.items()}


def named_tiers(settings: Settings) -> dict[str, Tier]:
    """Return what ``CRM_PLUGIN_TIERS`` says of single plugins."""
    if settings.plugin_tier != _AUTO:
        _tier(settings.plugin_tier, "CRM_PLUGIN_TIER", [_AUTO, *Tier])
    found: dict[str, Tier] = {}
    for part in filter(None, map(str.strip, settings.plugin_tiers.split(","))):
        name, equals, tier = (word.strip() for word in part.partition("="))
        if not name or not equals:
            message = f"CRM_PLUGIN_TIERS: {part!r} is not plugin=tier; write for example loyalty=in_process"
            raise PluginError(message)
        found[name] = _tier(tier, f"CRM_PLUGIN_TIERS: {name}", Tier)
    return found


def required_walls(settings: Settings) -> frozenset[str]:
    """Return the walls without which an isolated plugin is not started, by ``CRM_ISOLATION_REQUIRE``."""
    return frozenset(filter(None, map(str.strip, settings.isolation_require.split(","))))


def missing_walls(required: frozenset[str]) -> Mapping[str, str]:
    """Return the required walls that cannot stand on this machine, with what each of them lacks."""
    from crm_core.isolation.confinement import probe  # noqa: PLC0415 - the walls are asked for only where one is needed

    missing = probe().missing
    return {wall: missing[wall] for wall in sorted(required & missing.keys())}


_UNKNOWN = Verdict(trusted=False, reason="not trusted")


def _wanted(name: str, general: str, overrides: Mapping[str, Tier], verdict: Verdict) -> Choice:
    if name in overrides:
        return Choice(overrides[name], "CRM_PLUGIN_TIERS says so")
    if general != _AUTO:
        return Choice(Tier(general), f"CRM_PLUGIN_TIER={general}")
    if verdict.trusted:
        return Choice(verdict.tier, verdict.reason)
    return Choice(Tier.ISOLATED, verdict.reason)


def _walled(name: str, choice: Choice, missing: Mapping[str, str]) -> Choice:
    if choice.tier is not Tier.ISOLATED or not missing:
        return choice
    lacking = "; ".join(f"{wall}: {reason}" for wall, reason in missing.items())
    why = (
        f"plugin {name} would run isolated ({choice.why}), but walls that CRM_ISOLATION_REQUIRE asks for cannot stand "
        f"here ({lacking}); trust it with crm plugin trust {name}, or take these walls out of CRM_ISOLATION_REQUIRE"
    )
    return Choice(None, why)


def _tier(text: str, where: str, allowed: Iterable[str]) -> Tier:
    if text not in list(Tier):
        message = f"{where}={text}: there is no such tier; write one of {', '.join(allowed)}"
        raise PluginError(message)
    return Tier(text)
