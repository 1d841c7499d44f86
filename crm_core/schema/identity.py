"""Who acts: principals, what they belong to, what they may do, and the keys they use."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import (
    flag,
    id_column,
    index,
    moment,
    one_of,
    record_table,
    ref,
    table,
    tenant_column,
    text,
    unique,
)
from crm_core.schema.metadata import core

__all__ = ["api_key", "membership", "permission", "principal"]

principal = record_table(
    "principal",
    one_of("kind", ("user", "team", "service", "role"), doc="Users and services act; teams and roles hold members."),
    text("name", required=True),
    text("login", doc="The name a user signs in with; upper and lower case are the same."),
    text("email"),
    text("locale"),
    text("timezone", doc="An IANA time zone name."),
    flag("active", default=True, doc="An inactive principal keeps its records and cannot sign in."),
    index("name", "id"),
    unique(sa.text("lower(login)"), name="uq_principal_login"),
    doc="A user, team, service or role: the one kind of owner there is.",
)

membership = table(
    core,
    "membership",
    tenant_column(),
    ref("member_id", "principal", required=True, indexed=False, doc="The user, service or team that belongs."),
    ref("group_id", "principal", required=True, sorted_by=("member_id",), doc="The team or role it belongs to."),
    sa.PrimaryKeyConstraint("tenant_id", "member_id", "group_id"),
    doc="A principal's place in a team or role; a team inside a team makes the tree that the scope `tree` follows.",
)

permission = table(
    core,
    "permission",
    tenant_column(),
    id_column(),
    ref("principal_id", "principal", required=True, indexed=False),
    text("resource", required=True, doc="A record type, or a resource a plugin declares."),
    text("action", required=True, doc="What may be done with it, such as read, create, update, delete."),
    one_of("scope", ("own", "team", "tree", "all"), doc="Whose records it reaches."),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    unique("principal_id", "resource", "action", where=None),
    doc="One thing a principal, or everybody who belongs to it, may do.",
)

api_key = table(
    core,
    "api_key",
    tenant_column(),
    id_column(),
    ref("principal_id", "principal", required=True),
    text("name", required=True),
    text("prefix", required=True, doc="The readable start of the key, by which it is looked up."),
    text("hash", required=True, doc="A hash of the whole key; the key itself is not kept."),
    moment("created_at", required=True),
    moment("expires_at"),
    moment("last_used_at"),
    moment("revoked_at"),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    # Not inside the tenant: the key is what tells which tenant a request belongs to.
    sa.Index("uq_api_key_prefix", "prefix", unique=True),
    doc="A secret a principal signs requests in with.",
)
