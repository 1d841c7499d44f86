"""Transactions, sessions, locks and half-done work."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from plugin_sdk import Issue, Rejected, SdkError

from .registry import attack
from .tables import note


def _text(ctx, statement):
    ctx.sql.execute(sa.text(statement))


@attack()
def commit(ctx, new, facts):
    """Commit the core's half of the operation, then refuse it."""
    try:
        _text(ctx, "COMMIT")
    finally:
        raise Rejected([Issue("x", "refused after commit")])


@attack()
def rollback(ctx, new, facts):
    """Roll the core's transaction back and go on."""
    try:
        _text(ctx, "ROLLBACK")
    except SdkError:
        pass


@attack()
def savepoint_release(ctx, new, facts):
    """Release the core's savepoint."""
    for name in ("sp1", "sp2"):
        try:
            _text(ctx, f"RELEASE SAVEPOINT {name}")
        except SdkError:
            pass


@attack()
def set_role(ctx, new, facts):
    """Take another role."""
    _text(ctx, "RESET ROLE")


@attack()
def set_tenant(ctx, new, facts):
    """Point row security to another tenant."""
    _text(ctx, f"SET crm.tenant = '{facts['other_tenant']}'")


@attack()
def set_timeout(ctx, new, facts):
    """Lift the time limit."""
    _text(ctx, "SET statement_timeout = 0")


@attack()
def set_search_path(ctx, new, facts):
    """Shadow core tables by the search path."""
    _text(ctx, "SET search_path = plg_attacker, core")


@attack()
def pragma_foreign_keys(ctx, new, facts):
    """Turn SQLite's checks off."""
    _text(ctx, "PRAGMA foreign_keys = OFF")


@attack()
def pragma_writable_schema(ctx, new, facts):
    """Make SQLite's catalog writable."""
    _text(ctx, "PRAGMA writable_schema = ON")


@attack()
def attach(ctx, new, facts):
    """Attach another file."""
    _text(ctx, "ATTACH DATABASE ':memory:' AS evil")


@attack()
def discard_all(ctx, new, facts):
    """Discard the connection's state."""
    _text(ctx, "DISCARD ALL")


@attack()
def lock_table(ctx, new, facts):
    """Lock a core table."""
    _text(ctx, "LOCK TABLE core.account IN ACCESS EXCLUSIVE MODE")


@attack()
def advisory_lock(ctx, new, facts):
    """Keep an advisory lock."""
    ctx.sql.rows(sa.select(sa.func.pg_advisory_lock(1)))


@attack()
def sleep_in_database(ctx, new, facts):
    """Sleep in the database."""
    ctx.sql.rows(sa.select(sa.func.pg_sleep(30)))


@attack()
def listen_notify(ctx, new, facts):
    """Leave a subscription behind."""
    _text(ctx, "LISTEN evil")


@attack()
def swallow_failed_statement(ctx, new, facts):
    """Cause an error in the database, swallow it, write on and succeed."""
    ctx.sql.execute(sa.insert(note).values(id=uuid.uuid4(), record_id=new.id, body="before"))
    try:
        ctx.sql.rows(sa.select(1 / sa.func.nullif(sa.func.count(), sa.func.count())).select_from(note))
        ctx.sql.rows(sa.select(sa.cast(sa.literal("x"), sa.Integer)))
    except SdkError:
        pass


@attack()
def swallow_own_constraint(ctx, new, facts):
    """Violate an own constraint, swallow it and go on."""
    row = {"id": uuid.uuid4(), "record_id": uuid.uuid4(), "body": "nobody's"}
    try:
        ctx.sql.execute(sa.insert(note).values(row))
    except SdkError:
        pass


@attack()
def write_then_refuse(ctx, new, facts):
    """Write an own row, then refuse the operation."""
    ctx.sql.execute(sa.insert(note).values(id=uuid.uuid4(), record_id=new.id, body="half"))
    raise Rejected([Issue("x", "no")])


@attack()
def write_core_then_refuse(ctx, new, facts):
    """Create an account through ctx.api, then refuse the operation."""
    ctx.api.create("account", {"name": "half"})
    raise Rejected([Issue("x", "no")])


@attack()
def write_core_then_fail(ctx, new, facts):
    """Create an account through ctx.api, then fail."""
    ctx.api.create("account", {"name": "half"})
    raise ZeroDivisionError


@attack()
def slow_write(ctx, new, facts):
    """Write for so long that the database interrupts it, swallow that, and succeed."""
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < 100_000_000))
    ctx.sql.execute(sa.insert(note).values(id=uuid.uuid4(), record_id=new.id, body="x"))
    try:
        ctx.sql.execute(
            sa.update(note).values(
                body=sa.select(sa.func.count().label("c")).select_from(numbers).scalar_subquery().cast(sa.Text)
            )
        )
    except SdkError:
        pass


@attack()
def slow_read(ctx, new, facts):
    """Read for so long that the database interrupts it."""
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < 100_000_000))
    ctx.sql.rows(sa.select(sa.func.count()).select_from(numbers))


@attack()
def for_update_forever(ctx, new, facts):
    """Lock own rows and never let go."""
    ctx.sql.rows(sa.select(note).with_for_update())


@attack()
def delete_the_record_it_is_called_for(ctx, new, facts):
    """Delete the record whose creation it is called for."""
    ctx.api.delete("account", new.id)


@attack()
def endless_recursion_by_writes(ctx, new, facts):
    """Create an account for every account that is created."""
    ctx.api.create("account", {"name": "record_after_write:endless_recursion_by_writes"})


@attack()
def version_of_the_past(ctx, new, facts):
    """Overwrite a record with a version it no longer has."""
    from uuid import UUID

    ctx.api.update("account", UUID(facts["own_account"]), {"name": "old"}, version=99)


@attack()
def driver_connection(ctx, new, facts):
    """Reach the driver's connection and commit."""
    connection = ctx._hooks.uow.connection
    driver = connection._driver
    if hasattr(driver, "in_transaction"):
        driver.execute("UPDATE account SET name = 'stolen'")
        driver.execute("COMMIT")
    else:
        connection._wait(driver.execute("UPDATE core.account SET name = 'stolen'"))
        connection._wait(driver.execute("COMMIT"))
    raise Rejected([Issue("x", "no")])


@attack()
def blob_of_core(ctx, new, facts):
    """Write a core cell through SQLite's blob interface."""
    driver = ctx._hooks.uow.connection._driver
    with driver.blobopen("account", "name", 1) as blob:
        blob.write(b"s")
