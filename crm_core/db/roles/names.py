"""What the roles of an installation are called.

Roles belong to the whole server and not to one database, so two installations on one server tell theirs apart by a
prefix (``CRM_ROLE_PREFIX``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from crm_core.db.names import plugin_schema

__all__ = ["Roles", "quoted"]

# PostgreSQL cuts longer names off without a word.
_LONGEST = 63
_DIGITS = 10
_PREFIX = re.compile(r"(?!pg)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST_PREFIX = 24


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one installation by their names; nobody logs in as any of them.

    The owner has core, platform and the plugins' schemas and runs the core's migrations; the application role reads
    and writes their rows. A plugin has an owner role, which runs its migrations, and a role for everything else.
    """

    prefix: str

    def __post_init__(self) -> None:
        """Refuse a prefix that is no name, or with which another installation's role could be taken for a plugin's."""
        usable = _PREFIX.fullmatch(self.prefix) and len(self.prefix) <= _LONGEST_PREFIX
        if not usable or "plg" in self.prefix.split("_"):
            message = (
                f"role prefix {self.prefix!r}: use at most {_LONGEST_PREFIX} lower case letters, digits and single"
                " underscores, not beginning with pg and without plg"
            )
            raise ValueError(message)

    @property
    def owner(self) -> str:
        """The role that owns core, platform and the plugins' schemas."""
        return f"{self.prefix}_owner"

    @property
    def app(self) -> str:
        """The role the server's own statements run as."""
        return f"{self.prefix}_app"

    def plugin(self, plugin_id: str) -> str:
        """Return the role a plugin's statements run as."""
        return _fitted(f"{self.prefix}_{plugin_schema(plugin_id)}")

    def plugin_owner(self, plugin_id: str) -> str:
        """Return the role that owns a plugin's tables and runs its migrations."""
        # Two underscores, which no plugin's id has: the plugin x_owner must not become the owner of x.
        return _fitted(f"{self.prefix}_{plugin_schema(plugin_id)}__owner")


def quoted(name: str) -> str:
    """Return a name as it stands in a statement."""
    return '"' + name.replace('"', '""') + '"'


def _fitted(name: str) -> str:
    """Return a name as long as PostgreSQL keeps it; what is cut off still tells two of them apart."""
    if len(name) <= _LONGEST:
        return name
    digest = sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST - _DIGITS - 2]}__{digest}"
