"""Records, sessions and mappers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from plugin_sdk import Patch

from .registry import attack, loot
from .tables import account


@attack()
def set_record_value(ctx, new, facts):
    """Change a record in place."""
    new.values["name"] = "stolen"


@attack()
def set_record_attribute(ctx, new, facts):
    """Change a record's attribute."""
    new.version = 99


@attack()
def force_record_attribute(ctx, new, facts):
    """Change a frozen record by object.__setattr__."""
    object.__setattr__(new, "values", {"name": "stolen"})


@attack("record_before_write")
def force_before_write(ctx, new, facts):
    """Change the record about to be written by object.__setattr__."""
    object.__setattr__(new, "values", {**new.values, "name": "stolen"})


@attack("record_validate")
def force_in_validate(ctx, new, facts):
    """Change a record in a hook that may only judge it."""
    object.__setattr__(new, "values", {**new.values, "name": "stolen"})


@attack()
def delete_record_value(ctx, new, facts):
    """Remove a value from a record."""
    del new.values["name"]


@attack()
def mutate_nested(ctx, new, facts):
    """Change a list or mapping inside a record."""
    for value in new.values.values():
        if isinstance(value, list):
            value.append("stolen")
        if isinstance(value, dict):
            value["stolen"] = True


@attack()
def session_on_statement(ctx, new, facts):
    """Open a session over what ctx.sql has."""
    session = orm.Session(bind=ctx.sql)
    session.execute(sa.update(account).values(name="stolen"))


@attack()
def object_session(ctx, new, facts):
    """Find the session of a record."""
    session = orm.object_session(new)
    session.execute(sa.update(account).values(name="stolen"))


@attack()
def mapped_core_class(ctx, new, facts):
    """Map a class to a core table and run its statement."""
    base = orm.declarative_base()

    class Account(base):
        __tablename__ = "account"
        __table_args__ = {"schema": "core"}
        id = sa.Column(sa.Uuid(), primary_key=True)
        tenant_id = sa.Column(sa.Uuid())
        name = sa.Column(sa.Text())

    ctx.sql.execute(sa.update(Account).values(name="stolen"))


@attack()
def engine_of_core(ctx, new, facts):
    """Look for an engine or connection on the public surface."""
    found = [
        name
        for part in (ctx, ctx.api, ctx.sql, ctx.fields)
        for name in dir(part)
        if not name.startswith("_") and isinstance(getattr(part, name, None), sa.engine.Engine | sa.engine.Connection)
    ]
    if found:
        getattr(ctx.sql, found[0]).execute(sa.update(account).values(name="stolen"))


@attack("record_before_write")
def unknown_field(ctx, new, facts):
    """Patch a column that is no field."""
    return Patch({"created_by": None, "version": 99, "deleted_at": None})


@attack("record_before_write")
def wrong_type(ctx, new, facts):
    """Patch a field with a value of another type."""
    return Patch({"name": {"a": [object()]}})


@attack("record_before_write")
def sql_expression_as_value(ctx, new, facts):
    """Patch a field with an SQL expression."""
    return Patch({"name": sa.select(account.c.name).limit(1).scalar_subquery()})


@attack("record_before_write")
def text_clause_as_value(ctx, new, facts):
    """Patch a field with SQL text."""
    return Patch({"name": sa.text("(SELECT name FROM core.account LIMIT 1)")})


@attack("record_before_write")
def string_subclass(ctx, new, facts):
    """Patch a field with a string that lies about itself."""

    class Liar(str):
        def __str__(self):
            raise SystemExit

        __repr__ = __str__

        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    return Patch({"name": Liar("stolen")})


@attack("record_before_write")
def evil_mapping(ctx, new, facts):
    """Return a patch whose mapping raises SystemExit."""

    class Evil(dict):
        def items(self):
            raise SystemExit

        keys = __iter__ = items

    return Patch(Evil(name="x"))


@attack("record_before_write")
def not_a_patch(ctx, new, facts):
    """Return something else than the hook allows."""
    return {"name": "stolen"}


@attack("record_before_write")
def patch_subclass(ctx, new, facts):
    """Return a subclass of Patch that changes when it is read again."""

    class Twice(Patch):
        def __getattribute__(self, name):
            if name == "values":
                return {"name": "twice", "tenant_id": facts["other_tenant"]}
            return object.__getattribute__(self, name)

    return Twice()


@attack("record_validate")
def endless_issues(ctx, new, facts):
    """Return issues without end."""
    from plugin_sdk import Issue

    while True:
        yield Issue("x", "x")


@attack()
def record_of_core_by_gc(ctx, new, facts):
    """Find the unit of work among all objects and write through it."""
    import gc

    for thing in gc.get_objects():
        if type(thing).__name__ == "UnitOfWork":
            from crm_core.db.statements import Statement

            thing.execute(Statement(sa.text("UPDATE core.account SET name = 'stolen'")), {})
            return


@attack()
def private_attribute(ctx, new, facts):
    """Reach the unit of work through private attributes and write."""
    from crm_core.db.statements import Statement

    ctx._hooks.uow.execute(Statement(sa.text("UPDATE core.account SET name = 'stolen'")), {})


@attack()
def private_scope(ctx, new, facts):
    """Reach the core's services with all rights through private attributes."""
    from crm_core.actors import system_actor

    uow = ctx._hooks.uow.acting_as(system_actor(ctx.tenant_id))
    object.__setattr__(ctx.api._scope, "uow", uow)
    ctx.api.create("contact", {"last_name": "planted"})


@attack()
def kept_context(ctx, new, facts):
    """Keep a context and use it in the next call."""
    import builtins

    kept = getattr(builtins, "kept_context", None)
    builtins.kept_context = ctx
    if kept is None:
        loot("kept")
    kept.api.update("account", new.id, {"name": "late"})


@attack()
def kept_sql(ctx, new, facts):
    """Keep ctx.sql and use it in the next call."""
    import builtins

    from .tables import note

    kept = getattr(builtins, "kept_sql", None)
    builtins.kept_sql = ctx.sql
    if kept is None:
        loot("kept")
    kept.rows(sa.select(note))


@attack()
def context_in_thread(ctx, new, facts):
    """Use a context in a thread that outlives the call."""
    import threading

    def late():
        threading.Event().wait(0.05)
        ctx.api.update("account", new.id, {"name": "late"})

    threading.Thread(target=late, daemon=True).start()
