"""Reaching for another tenant."""

from __future__ import annotations

import uuid
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from plugin_sdk import Patch

from .registry import attack, loot
from .tables import account, note


@attack()
def api_get_other(ctx, new, facts):
    """Read another tenant's account by its id through ctx.api."""
    loot(ctx.api.get("account", UUID(facts["other_account"])).values)


@attack()
def api_update_other(ctx, new, facts):
    """Change another tenant's account by its id through ctx.api."""
    ctx.api.update("account", UUID(facts["other_account"]), {"name": "stolen"})


@attack()
def api_delete_other(ctx, new, facts):
    """Delete another tenant's account by its id through ctx.api."""
    ctx.api.delete("account", UUID(facts["other_account"]))


@attack()
def api_list_other(ctx, new, facts):
    """Filter a list by another tenant."""
    loot(ctx.api.list("account", {"tenant_id": facts["other_tenant"]}).records)


@attack()
def api_create_there(ctx, new, facts):
    """Create a record in another tenant."""
    ctx.api.create("account", {"tenant_id": facts["other_tenant"], "name": "planted"})


@attack()
def patch_tenant(ctx, new, facts):
    """Move a record to another tenant by a patch."""
    return Patch({"tenant_id": UUID(facts["other_tenant"])})


@attack("record_before_write")
def patch_tenant_before(ctx, new, facts):
    """Move a record to another tenant by a patch before the write."""
    return Patch({"tenant_id": UUID(facts["other_tenant"])})


@attack("record_before_write")
def patch_id(ctx, new, facts):
    """Take another record's id by a patch."""
    return Patch({"id": UUID(facts["own_account"])})


@attack()
def fields_of_other(ctx, new, facts):
    """Set a field of another tenant's record."""
    ctx.fields.set("account", UUID(facts["other_account"]), {"mark": "stolen"})


@attack()
def fields_read_other(ctx, new, facts):
    """Read a field of another tenant's record."""
    loot(ctx.fields.get("account", [UUID(facts["other_account"])]))


@attack()
def sql_read_other(ctx, new, facts):
    """Read another tenant's rows of an own table."""
    loot(ctx.sql.rows(sa.select(note).where(note.c.tenant_id == UUID(facts["other_tenant"]))))


@attack()
def sql_read_or(ctx, new, facts):
    """Read all tenants' rows by OR TRUE."""
    loot(ctx.sql.rows(sa.select(note).where(sa.or_(note.c.tenant_id == ctx.tenant_id, sa.true()))))


@attack()
def sql_insert_other(ctx, new, facts):
    """Insert a row for another tenant."""
    values = {"tenant_id": UUID(facts["other_tenant"]), "id": uuid.uuid4(), "record_id": UUID(facts["other_account"])}
    ctx.sql.execute(sa.insert(note).values(values | {"body": "planted"}))


@attack()
def sql_insert_many_other(ctx, new, facts):
    """Hide a row for another tenant among many."""
    own = {"tenant_id": ctx.tenant_id, "id": uuid.uuid4(), "record_id": new.id, "body": "own"}
    other = own | {
        "tenant_id": UUID(facts["other_tenant"]),
        "id": uuid.uuid4(),
        "record_id": UUID(facts["other_account"]),
    }
    ctx.sql.execute(sa.insert(note).values([own, other]))


@attack()
def sql_update_tenant(ctx, new, facts):
    """Give own rows to another tenant."""
    ctx.sql.execute(sa.update(note).values(tenant_id=UUID(facts["other_tenant"])))


@attack()
def sql_update_other(ctx, new, facts):
    """Change another tenant's rows of an own table."""
    ctx.sql.execute(sa.update(note).where(note.c.tenant_id == UUID(facts["other_tenant"])).values(body="stolen"))


@attack()
def sql_delete_other(ctx, new, facts):
    """Delete another tenant's rows of an own table."""
    ctx.sql.execute(sa.delete(note).where(sa.or_(sa.true(), note.c.tenant_id == UUID(facts["other_tenant"]))))


@attack()
def sql_upsert_other(ctx, new, facts):
    """Reach another tenant's row by an upsert."""
    statement = upsert(note).values(
        tenant_id=ctx.tenant_id, id=uuid.UUID(facts["other_note"]), record_id=new.id, body="x"
    )
    clause = statement.on_conflict_do_update(index_elements=["id"], set_={"body": "stolen"})
    ctx.sql.execute(clause)


@attack()
def sql_lying_uuid(ctx, new, facts):
    """Pass a tenant that compares equal to everything."""

    class Chameleon(UUID):
        def __eq__(self, other):
            return True

        __hash__ = UUID.__hash__

    values = {
        "tenant_id": Chameleon(facts["other_tenant"]),
        "id": uuid.uuid4(),
        "record_id": UUID(facts["other_account"]),
    }
    ctx.sql.execute(sa.insert(note).values(values))


@attack()
def sql_alias(ctx, new, facts):
    """Read all tenants' rows through an alias and a subquery."""
    inner = sa.select(note.alias("n").c.body).subquery()
    loot(ctx.sql.rows(sa.select(inner)))


@attack()
def sql_exists(ctx, new, facts):
    """Ask whether another tenant has a row."""
    other = sa.select(note.c.id).where(note.c.body == facts["other_body"]).exists()
    if ctx.sql.scalar(sa.select(sa.func.count()).select_from(note).where(other)):
        loot(facts["other_body"])


@attack()
def named_like_ours(ctx, new, facts):
    """Take the name of the core's own tenant parameter."""
    parameter = sa.bindparam("crm_tenant_of_plugin", UUID(facts["other_tenant"]), sa.Uuid())
    loot(ctx.sql.rows(sa.select(note).where(note.c.tenant_id == parameter)))


@attack()
def core_of_other(ctx, new, facts):
    """Read another tenant's core rows through ctx.sql."""
    loot(ctx.sql.rows(sa.select(account.c.name).where(account.c.tenant_id == UUID(facts["other_tenant"]))))


@attack()
def change_settings(ctx, new, facts):
    """Change the tenant's settings in place."""
    ctx.settings["other_tenant"] = "stolen"


@attack()
def change_tenant_of_context(ctx, new, facts):
    """Point the context to another tenant."""
    ctx.tenant_id = UUID(facts["other_tenant"])
    loot(ctx.api.get("account", UUID(facts["other_account"])).values)
