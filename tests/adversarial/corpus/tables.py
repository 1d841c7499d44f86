"""The attacking plugin's own table, and tables it has no right to."""

from __future__ import annotations

import sqlalchemy as sa

from plugin_sdk.db import Namespace, record_reference

namespace = Namespace("attacker")
note = namespace.table("note", *record_reference("record_id"), sa.Column("body", sa.Text()))

account = sa.Table(
    "account",
    sa.MetaData(schema="core"),
    sa.Column("tenant_id", sa.Uuid()),
    sa.Column("id", sa.Uuid()),
    sa.Column("name", sa.Text()),
)
secret = sa.Table(
    "secret",
    sa.MetaData(schema="plg_victim"),
    sa.Column("tenant_id", sa.Uuid()),
    sa.Column("id", sa.Uuid()),
    sa.Column("body", sa.Text()),
)
