"""What should be there: accounts, the rows of plugins and the state of each, kept in memory by simple rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum

from tests.histories.actors import DEFAULT_INDUSTRY

_OPENINGS = 3


class Status(IntEnum):
    """The answers that the model expects."""

    OK = 200
    CREATED = 201
    NOTHING = 204
    NOT_FOUND = 404
    CONFLICT = 409
    REFUSED = 422
    FAILED = 500
    UNAVAILABLE = 503


@dataclass(slots=True)
class Account:
    """One account, wherever it is."""

    id: str
    name: str
    description: str
    industry: str | None = None
    version: int = 1
    deleted: bool = False
    merged_into: str | None = None
    seen: int | None = None
    """The plugin's own field."""


@dataclass(slots=True)
class Actor:
    """The plugin that does something."""

    installed: str | None = None
    kept: str | None = None
    """The version whose tables are there, though it may be uninstalled."""
    known: bool = False
    """Whether it has ever been installed."""
    enabled: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    state: str = "closed"
    openings: int = 0
    notes: Counter[tuple[str, int, str | None]] = field(default_factory=Counter)

    @property
    def called(self) -> bool:
        """Whether its hooks are called."""
        return self.enabled and self.state != "quarantined"

    @property
    def industry(self) -> str:
        """What it writes into accounts to be changed."""
        return self.settings.get("industry", DEFAULT_INDUSTRY)

    def fail(self) -> None:
        """Count a failure: each opens the breaker, the third ends in quarantine."""
        self.openings += 1
        self.state = "quarantined" if self.openings >= _OPENINGS else "half_open"

    def pass_(self) -> None:
        """Note that a call has gone well: a breaker that only tried closes."""
        if self.state == "half_open":
            self.state = "closed"

    def resume(self) -> bool:
        """Hold nothing against it any more; tell whether anything was."""
        held = self.openings > 0
        self.state, self.openings = "closed", 0
        return held


@dataclass(slots=True)
class Model:
    """A tenant as it should be."""

    actor: Actor = field(default_factory=Actor)
    needy_installed: bool = False
    needy_enabled: bool = False
    accounts: dict[str, Account] = field(default_factory=dict)
    activities: int = 0

    def live(self) -> list[Account]:
        """Return the accounts that are not in the bin."""
        return [each for each in self.accounts.values() if not each.deleted]

    def binned(self) -> list[Account]:
        """Return those in the bin."""
        return [each for each in self.accounts.values() if each.deleted]

    def before_write(self, description: str) -> Status:
        """Ask the plugin before a create or an update; OK means that it goes on."""
        if not self.actor.called:
            return Status.OK
        if description == "veto":
            # A veto is an answer: what gives one works.
            self.actor.pass_()
            return Status.REFUSED
        return self._try(crashes=description == "crash", then_passed=False)

    def after_writes(self, *written: Account) -> Status:
        """Tell the plugin of accounts that were written, as they are then; OK means that all of it is kept."""
        if not self.actor.called:
            return Status.OK
        status = self._try(crashes=any(each.description == "late" for each in written), then_passed=True)
        if status is Status.OK:
            mood = "newer" if self.actor.installed != "1.0.0" else None
            self.actor.notes.update((each.id, each.version, mood) for each in written)
            self.activities += sum(each.description == "api" for each in written)
        return status

    def before_delete(self, account: Account) -> Status:
        """Ask the plugin before an account is deleted; it must be asked, and so it cannot be while in quarantine."""
        if not self.actor.enabled:
            return Status.OK
        if not self.actor.called:
            return Status.UNAVAILABLE
        if account.description == "keep":
            self.actor.pass_()
            return Status.REFUSED
        return Status.OK

    def follow(self, loser: Account, winner: Account) -> None:
        """Let accounts that were merged into the loser belong to the winner; each is written for it."""
        for account in self.accounts.values():
            if account.merged_into == loser.id:
                account.merged_into = winner.id
                account.version += 1

    def uninstall(self, *, purge: bool) -> None:
        """Take the plugin out; its rows, fields and settings go only with ``purge``."""
        self.actor.installed, self.actor.enabled = None, False
        if purge:
            self.actor.kept = None
            self.actor.settings.clear()
            self.actor.notes.clear()
            for account in self.accounts.values():
                account.seen = None

    def _try(self, *, crashes: bool, then_passed: bool) -> Status:
        if crashes:
            self.actor.fail()
            return Status.FAILED
        if then_passed:
            self.actor.pass_()
        return Status.OK
