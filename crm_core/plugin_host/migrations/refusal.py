"""What a migration may not do, in the words of the message its author reads."""

from __future__ import annotations

from crm_core.errors import PluginError

__all__ = ["ADVICE", "ONE_TRANSACTION", "Forbidden", "refusal"]

ADVICE = "migrations make tables and indexes and change rows of their own; write them with op.create_table and the like"
"""What to do instead of anything that has no place in a migration."""

ONE_TRANSACTION = "all revisions run in one transaction, which the host begins and ends; leave this out"
"""What to do instead of ending a transaction, or beginning one."""

_SHOWN = 120


class Forbidden(Exception):
    """Something a migration may not do, and what to do instead."""

    def __init__(self, what: str, instead: str) -> None:
        """Keep both for the message: ``what`` follows "may not"."""
        super().__init__(f"{what}; {instead}")
        self.what = what
        self.instead = instead


def refusal(plugin: str, what: str, instead: str, text: str = "") -> PluginError:
    """Return the error that names the plugin, what it may not do, the statement and what to do instead."""
    shown = " ".join(text.split())
    shown = f" ({shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''})" if shown else ""
    message = f"{plugin}: its migration may not {what}{shown}; {instead}. Nothing of it was kept"
    return PluginError(message, plugin=plugin, statement=text)
