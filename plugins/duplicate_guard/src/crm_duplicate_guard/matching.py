"""How much two records have in common, and when that is too much."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from crm_duplicate_guard.fingerprints import Fingerprint

_NOTHING: Final = Decimal(0)
_SAME: Final = Decimal(1)
# How likely one thing in common means the same record. A website says which company it is, not which of its people.
_WEIGHTS: Final[Mapping[str, Mapping[str, Decimal]]] = {
    "account": {
        "registration": _SAME,
        "email": _SAME,
        "domain": Decimal("0.7"),
        "phone": Decimal("0.6"),
        "name": Decimal("0.5"),
    },
    "contact": {"email": _SAME, "phone": Decimal("0.6"), "name": Decimal("0.5")},
    "lead": {"email": _SAME, "phone": Decimal("0.6"), "name": Decimal("0.5"), "domain": Decimal("0.3")},
}
_WORDS: Final = {
    "registration": "same registration number",
    "email": "same e-mail address",
    "domain": "same website",
    "phone": "same phone number",
    "name": "same name",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """A tenant's settings: from which score a match is refused or reported, and which kinds do not count."""

    block_at: Decimal
    report_at: Decimal
    strict: bool
    ignored: frozenset[str]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Policy:
        """Read the settings, which the manifest has checked."""
        ignored = frozenset(kind.strip() for kind in settings["ignore_kinds"].split(",") if kind.strip())
        return cls(settings["block_at"], settings["report_at"], settings["strict"], ignored)

    @property
    def refuse_at(self) -> Decimal:
        """The score from which a write is refused: in strict mode, every match worth reporting is."""
        return min(self.block_at, self.report_at) if self.strict else self.block_at

    def counted(self, fingerprints: Iterable[Fingerprint]) -> frozenset[Fingerprint]:
        """Return the fingerprints whose kinds count."""
        return frozenset(each for each in fingerprints if each.kind not in self.ignored)


@dataclass(frozen=True, slots=True)
class Found:
    """Another record, and what it has in common."""

    record_id: UUID
    record_type: str
    common: frozenset[Fingerprint]

    @property
    def score(self) -> Decimal:
        """How likely it is the same, from 0 to 1."""
        return score(self.record_type, self.common)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what is the same, the strongest first."""
        common = {each.kind for each in self.common}
        return tuple(kind for kind in _WORDS if kind in common)

    @property
    def reason(self) -> str:
        """What is the same, in words."""
        return " and ".join(_WORDS[kind] for kind in self.kinds)


def score(record_type: str, common: Iterable[Fingerprint]) -> Decimal:
    """Return how likely records with this in common are the same: independent hints, each kind counted once."""
    weights = _WEIGHTS.get(record_type, {})
    doubt = _SAME
    for kind in sorted({each.kind for each in common}):
        doubt *= _SAME - weights.get(kind, _NOTHING)
    return _SAME - doubt


def became_duplicate(found: Found, before: frozenset[Fingerprint], limit: Decimal) -> bool:
    """Tell whether a change has made the record a duplicate; one that it was already does not get worse by it."""
    return found.score >= limit > score(found.record_type, found.common & before)
