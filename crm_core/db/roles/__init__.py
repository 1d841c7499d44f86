"""The roles of PostgreSQL that keep plugins from what is not theirs; without the right to make any, all still works."""

from __future__ import annotations

from crm_core.db.roles.hardening import create_login, harden
from crm_core.db.roles.making import RoleError
from crm_core.db.roles.names import Roles, quoted
from crm_core.db.roles.plugins import grant_core_read
from crm_core.db.roles.provisioning import provision
from crm_core.db.roles.session import acting_as, as_plugin_owner, in_use, may_become
from crm_core.db.roles.standing import Wall, walls

__all__ = [
    "RoleError",
    "Roles",
    "Wall",
    "acting_as",
    "as_plugin_owner",
    "create_login",
    "grant_core_read",
    "harden",
    "in_use",
    "may_become",
    "provision",
    "quoted",
    "walls",
]
