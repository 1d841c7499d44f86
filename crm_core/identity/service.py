"""The rules of principals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.identity.epoch import advance
from crm_core.records.entity import Rules
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crm_core.records.scope import Scope


class PrincipalRules(Rules):
    """A principal's login has one form, its kind is for good, and what it may do follows a change at once."""

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Write the login in its normal form: SQLite's unique index folds ASCII letters only."""
        del scope, old, parts
        row["login"] = normal_login(row["login"])

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Keep the kind: a role that became a team would change what its members reach."""
        del scope
        if old is None or old["kind"] == new["kind"]:
            return ()
        message = f"the kind of a principal stays {old['kind']}; make another principal of kind {new['kind']}"
        return (Issue("kind_fixed", message, field="kind"),)

    def written(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """Make every process look again: an inactive or deleted principal's keys stop working."""
        del new
        if old is not None:
            advance(scope.uow)


def normal_login(login: str | None) -> str | None:
    """Return a login without surrounding blanks and differences of case, None for an empty one."""
    return (login or "").strip().casefold() or None
