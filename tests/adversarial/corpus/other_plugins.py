"""Reaching for another plugin's data, code and standing."""

from __future__ import annotations

import sqlalchemy as sa

from plugin_sdk import Patch

from .registry import attack, loot
from .tables import secret


@attack()
def read_other_plugin(ctx, new, facts):
    """Read another plugin's table."""
    loot(ctx.sql.rows(sa.select(secret)))


@attack()
def write_other_plugin(ctx, new, facts):
    """Write another plugin's table."""
    ctx.sql.execute(sa.update(secret).values(body="stolen"))


@attack()
def delete_other_plugin(ctx, new, facts):
    """Empty another plugin's table."""
    ctx.sql.execute(sa.delete(secret))


@attack()
def join_other_plugin(ctx, new, facts):
    """Join another plugin's table to an own one."""
    from .tables import note

    loot(ctx.sql.rows(sa.select(secret.c.body).join(note, sa.true())))


@attack()
def other_plugins_fields(ctx, new, facts):
    """Read another plugin's fields by its table."""
    fields = sa.Table(
        "account_fields",
        sa.MetaData(schema="plg_victim"),
        sa.Column("tenant_id", sa.Uuid()),
        sa.Column("hidden", sa.Text()),
    )
    loot(ctx.sql.rows(sa.select(fields)))


@attack("record_before_write")
def patch_other_fields(ctx, new, facts):
    """Set another plugin's field by a patch."""
    return Patch(fields={"hidden": "stolen"})


@attack("record_before_write")
def patch_plugins_value(ctx, new, facts):
    """Set another plugin's field by the values of a patch."""
    return Patch({"plugins": {"victim": {"hidden": "stolen"}}})


@attack()
def set_other_fields(ctx, new, facts):
    """Set another plugin's field through ctx.fields."""
    ctx.fields.set("account", new.id, {"hidden": "stolen"})


@attack()
def api_sets_other_fields(ctx, new, facts):
    """Set another plugin's plugin-only field through ctx.api."""
    ctx.api.update("account", new.id, {"plugins": {"victim": {"hidden": "stolen"}}})


@attack()
def platform_tables(ctx, new, facts):
    """Disable the other plugin in the platform's tables."""
    table = sa.Table(
        "plugin_tenant",
        sa.MetaData(schema="plat"),
        sa.Column("plugin", sa.Text()),
        sa.Column("tenant_id", sa.Uuid()),
        sa.Column("enabled", sa.Boolean()),
    )
    ctx.sql.execute(sa.update(table).where(table.c.plugin == "victim").values(enabled=False))


@attack()
def patch_other_module(ctx, new, facts):
    """Replace another plugin's function."""
    import crm_victim.hooks as victim

    victim.record_after_write = None
    victim.SEEN = "patched"


@attack()
def read_other_module(ctx, new, facts):
    """Read what another plugin keeps in memory."""
    import crm_victim.hooks as victim

    loot(victim.SEEN)


@attack()
def enable_itself(ctx, new, facts):
    """Manage plugins through ctx.api."""
    ctx.api.update("plugin", new.id, {"enabled": True})


@attack()
def schema_prefix_cousin(ctx, new, facts):
    """Name a table that looks like an own one and is not."""
    cousin = sa.Table("_secret", sa.MetaData(schema="plg_attacker_"), sa.Column("tenant_id", sa.Uuid()))
    ctx.sql.rows(sa.select(cousin))
