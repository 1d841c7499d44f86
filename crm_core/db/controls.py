"""What a connection to PostgreSQL has still to say before its next statement: transaction, savepoints and rights.

None of these gives an answer, so none is worth a round trip of its own: they wait and travel together. What is undone
before it was said is not said at all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from crm_core.db.roles import quoted

if TYPE_CHECKING:
    from crm_core.db.rights import PluginRights
    from crm_core.db.roles import Roles

__all__ = ["Controls"]

_BEGIN = "BEGIN"
_LOCAL = "SET LOCAL "
# Before the rights change: until PostgreSQL 18 a trigger that was put off would run with those of its last moment.
_SETTLE = "SET CONSTRAINTS ALL IMMEDIATE"


class _Savepoint(NamedTuple):
    name: str
    rights: PluginRights | None


class Controls:
    """The state of the transaction as its statements will find it, and the commands that bring it about."""

    __slots__ = ("_roles", "_savepoints", "_waiting", "in_transaction", "rights")

    def __init__(self, roles: Roles | None) -> None:
        """Begin outside of a transaction, with the core's rights."""
        self._roles = roles
        self._waiting: list[str] = []
        self._savepoints: list[_Savepoint] = []
        self.in_transaction = False
        self.rights: PluginRights | None = None

    def begin(self) -> None:
        """Open a transaction."""
        self._waiting.append(_BEGIN)
        self.in_transaction = True

    def savepoint(self, name: str) -> None:
        """Open a savepoint."""
        self._waiting.append(_open(name))
        self._savepoints.append(_Savepoint(name, self.rights))

    def release(self, name: str) -> None:
        """Release a savepoint; it is not even opened where nothing has been said since."""
        self._close(name)
        if _open(name) in self._waiting:
            self._waiting.remove(_open(name))
        else:
            self._waiting.append(f"RELEASE SAVEPOINT {name}")

    def rollback_to(self, name: str) -> str | None:
        """Go back to a savepoint and release it; returns what has to be said at once, if anything."""
        self.rights = self._close(name).rights
        if _open(name) in self._waiting:
            del self._waiting[self._waiting.index(_open(name)) :]
            return None
        # Whatever waits belongs behind the savepoint and is undone with it.
        self._waiting.clear()
        return f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}"

    def become(self, rights: PluginRights | None) -> None:
        """Change whose rights statements have."""
        if not self.in_transaction or rights == self.rights:
            return
        leaving = (_SETTLE,) if self.rights is not None else ()
        self._waiting += (*leaving, *_entering(rights, self._roles))
        self.rights = rights

    def take(self) -> str | None:
        """Return what has to be said before the next statement; it counts as said."""
        text = "; ".join(self._waiting) or None
        self._waiting.clear()
        return text

    def committing(self) -> str | None:
        """Return what commits the transaction; None if nothing was ever said in it."""
        if self._unsaid:
            return None
        # The end of the transaction takes role and settings back; whoever holds them now is whose work is settled.
        said = (command for command in self._waiting if not command.startswith(_LOCAL))
        return "; ".join([*said, "COMMIT"])

    def rolling_back(self) -> str | None:
        """Return what rolls the transaction back; None if there is none, or nothing was ever said in it."""
        return "ROLLBACK" if self.in_transaction and not self._unsaid else None

    def ended(self) -> None:
        """Note that the transaction is over: the database has dropped savepoints and rights with it."""
        self._waiting.clear()
        self._savepoints.clear()
        self.in_transaction = False
        self.rights = None

    @property
    def _unsaid(self) -> bool:
        return self._waiting[:1] == [_BEGIN]

    def _close(self, name: str) -> _Savepoint:
        while (savepoint := self._savepoints.pop()).name != name:
            pass
        return savepoint


def _open(name: str) -> str:
    return f"SAVEPOINT {name}"


@lru_cache(maxsize=512)
def _entering(rights: PluginRights | None, roles: Roles | None) -> tuple[str, ...]:
    if rights is None:
        role, settings = roles and roles.app, ("DEFAULT", "DEFAULT", "DEFAULT")
    else:
        role = roles and roles.plugin(rights.plugin)
        settings = (f"{rights.statement_ms:d}", f"{rights.lock_ms:d}", f"{quoted(rights.schema)}, pg_temp")
    # The role first: a savepoint opened later must not bring back the rights from before.
    taking = (f"{_LOCAL}ROLE {quoted(role)}",) if role else ()
    names = ("statement_timeout", "lock_timeout", "search_path")
    return (*taking, *(f"{_LOCAL}{name} TO {value}" for name, value in zip(names, settings, strict=True)))
