"""Versions and version ranges of the core, the SDK and plugins.

Ranges follow npm's grammar: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``^`` and ``~``; a comma or blank means
AND, ``||`` means OR; ``1.2`` and ``1.2.*`` mean any 1.2 version, ``*`` any version. Two rules concern prereleases:

* a prerelease is matched only if the caller asks for prereleases, or if a condition of the same AND group names
  a prerelease of the same major.minor.patch;
* ``<2.0.0`` keeps out ``2.0.0-rc.1`` unless the same AND group names a prerelease of 2.0.0: who says "below 2"
  does not want the beta of 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from semver import Version

from plugin_sdk._ranges import Comparator, Group, parse_groups, triple
from plugin_sdk.errors import RangeError

__all__ = ["Range", "Version", "is_pep440", "is_post_release", "parse_version"]

_MAX_VERSION_LENGTH: Final = 128

# PEP 440's lenient form, the one installers normalise: 1.2.0-rc.1 is read as 1.2.0rc1.
_PEP440: Final = re.compile(
    r"v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*"
    r"(?:[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?[0-9]*)?"
    r"(?P<post>-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?"
    r"(?:[-_.]?dev[-_.]?[0-9]*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.IGNORECASE | re.ASCII,
)

_WORDS: Final = {
    "=": "exactly {}",
    "!=": "not {}",
    "<": "older than {}",
    "<=": "{} or older",
    ">": "newer than {}",
    ">=": "{} or newer",
}


def parse_version(text: str) -> Version:
    """Read a SemVer version; raise RangeError naming the text and the fix."""
    # The library's pattern also takes non-ASCII digits, which no other SemVer reader does.
    if text.isascii() and len(text) <= _MAX_VERSION_LENGTH and Version.is_valid(text):
        return Version.parse(text)
    shown = text if len(text) <= _MAX_VERSION_LENGTH else text[:_MAX_VERSION_LENGTH] + "…"
    message = f'"{shown}": not a SemVer version; write three numbers, e.g. "1.0.0"'
    raise RangeError(message)


def is_pep440(text: str) -> bool:
    """Say whether Python installers accept the version, after PEP 440's normalisation.

    ``1.2.0-rc.1`` is accepted although its canonical PEP 440 form is ``1.2.0rc1``; ``1.2.0-nightly`` is not. A number
    alone after the hyphen is accepted too, but means something else: see ``is_post_release``.
    """
    return _PEP440.fullmatch(text) is not None


def is_post_release(text: str) -> bool:
    """Say whether PEP 440 reads the version as a post-release.

    SemVer orders ``1.0.0-1`` before 1.0.0, PEP 440 after it. No plugin may carry a version that is both.
    """
    match = _PEP440.fullmatch(text)
    return match is not None and match["post"] is not None


@dataclass(frozen=True, slots=True)
class Range:
    """An immutable set of versions: alternatives of conditions. Make one with ``Range.parse``."""

    alternatives: tuple[Group, ...]

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read a range; raise RangeError naming the position, the token and the fix."""
        return cls(parse_groups(text))

    def contains(self, version: Version, *, prereleases: bool = False) -> bool:
        """Say whether a version is in the range; ``prereleases`` lets prereleases in that no condition names."""
        return any(_group_contains(group, version, prereleases=prereleases) for group in self.alternatives)

    def __contains__(self, version: Version) -> bool:
        """Say whether a version is in the range, by the default prerelease rule."""
        return self.contains(version)

    def overlaps(self, other: Range) -> bool:
        """Say whether at least one version is in both ranges, by the default prerelease rule."""
        # The smallest common version is one of these: a bound, or the first version after a bound.
        return any(version in self and version in other for version in {*_candidates(self), *_candidates(other)})

    def explain(self) -> str:
        """Return the range in plain words, one line per alternative."""
        return "\n".join(_explain_group(group) for group in self.alternatives)

    def __str__(self) -> str:
        """Return the canonical text: parsing it gives an equal range."""
        return " || ".join(",".join(str(condition) for condition in group) or "*" for group in self.alternatives)


def _group_contains(group: Group, version: Version, *, prereleases: bool) -> bool:
    if version.prerelease and not _names_prerelease(group, version):
        if not prereleases:
            return False
        if any(condition.op == "<" and triple(condition.version) == triple(version) for condition in group):
            return False
    return all(condition.admits(version) for condition in group)


def _names_prerelease(group: Group, version: Version) -> bool:
    return any(c.version.prerelease and triple(c.version) == triple(version) for c in group)


def _explain_group(group: Group) -> str:
    words = [_WORDS[condition.op].format(condition.target) for condition in group] or ["any version"]
    named = sorted({condition.version.finalize_version() for condition in group if condition.version.prerelease})
    note = f" (prereleases of {', '.join(str(version) for version in named)} count)" if named else ""
    return ", and ".join(words) + note


def _candidates(range_: Range) -> set[Version]:
    found = {Version(0, 0, 0)}
    for condition in (condition for group in range_.alternatives for condition in group):
        version = condition.version
        found |= {version, version.finalize_version(), version.finalize_version().bump_patch(), _above(condition)}
        if version.prerelease:
            found |= {version.replace(prerelease="0"), version.replace(prerelease=f"{version.prerelease}.0")}
    return found


def _above(condition: Comparator) -> Version:
    """Return the first version after everything a wildcard stands for."""
    return (condition.version.bump_major, condition.version.bump_minor, condition.version.bump_patch)[
        condition.parts - 1
    ]()
