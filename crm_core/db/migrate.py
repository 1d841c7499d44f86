"""Bringing a database to the schema of this version: core, platform and plugins, each with its own history.

Everything asked for in one call happens in one transaction: afterwards either all of it is there or nothing changed.
Alembic runs the revisions; the connection, the transaction and the version tables are given to it from here, so a
script location is a folder with `versions/` and needs neither an `env.py` nor an ini file.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from crm_core.db import roles, urls
from crm_core.db.names import plugin_schema
from crm_core.db.roles import plugins as plugin_roles
from crm_core.db.roles.session import acting_as, as_plugin_owner, driver_text, sqlstate
from crm_core.db.sqlite_ddl import sqlite_engine
from crm_core.errors import CrmError
from crm_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from alembic.runtime.migration import RevisionStep
    from sqlalchemy.engine import Connection

__all__ = [
    "LOCATIONS",
    "MigrationFailed",
    "MigrationReport",
    "MigrationStep",
    "current",
    "current_revision",
    "in_transaction",
    "migrate",
    "migrate_plugin",
    "script_directory",
    "upgrade_connection",
    "upgrade_core_connection",
    "upgrade_plugin_connection",
]

T = TypeVar("T")

LOCATIONS = {
    "core": Path(__file__).parent / "migrations" / "core",
    "plat": Path(__file__).parent / "migrations" / "platform",
}
"""Where the revisions of the product's own schemas are, in the order they run in."""

_SQLITE = "sqlite:///"
# Any number will do as long as every version uses this one: it is what migrations of one database queue for.
_LOCK = 7_205_759_403_792_794
# Long enough for a busy server's transactions to end, short enough not to make its writers queue behind us.
_LOCK_TIMEOUT = "10s"
# Somebody else's lock, or a circle of them: gone the next time, most likely.
_PASSING = {"55P03", "40P01"}
_ATTEMPTS = 4
_PAUSE = 2.0
_VERSION_TABLE = "alembic_version"


class MigrationFailed(CrmError):
    """A database could not be brought to the schema asked for; it is as it was before."""

    code = "migration_failed"
    status = 500


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """What happened to one schema: its revision before and after; None is "not there yet"."""

    schema: str
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        """Tell whether any revision ran."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What happened to each schema, in order."""

    steps: tuple[MigrationStep, ...]

    @property
    def changed(self) -> bool:
        """Tell whether any revision ran."""
        return any(step.changed for step in self.steps)


def migrate(url: str) -> MigrationReport:
    """Bring core and platform of a database to this version, in one transaction.

    On PostgreSQL a login that may create roles gives everything to roles that keep plugins from the core's tables.
    """
    prefix = Settings.from_environment().role_prefix

    def upgrade(connection: Connection) -> MigrationReport:
        report = upgrade_core_connection(connection)
        roles.provision(connection, prefix)
        return report

    return in_transaction(url, upgrade)


def migrate_plugin(url: str, plugin_id: str, script_location: str, target: str = "head") -> MigrationStep:
    """Bring a plugin's own tables to a revision of its own history, in one transaction."""

    def upgrade(connection: Connection) -> MigrationStep:
        return upgrade_plugin_connection(connection, plugin_id, script_location, target)

    return in_transaction(url, upgrade)


def current(url: str) -> dict[str, str | None]:
    """Tell the revisions of core and platform; None is "not there yet"."""

    def revisions(connection: Connection) -> dict[str, str | None]:
        return {schema: current_revision(connection, schema) for schema in LOCATIONS}

    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        return dict.fromkeys(LOCATIONS)  # asking must not create the file
    return in_transaction(url, revisions, read_only=True)


def upgrade_core_connection(connection: Connection) -> MigrationReport:
    """Do what `migrate` does, in the caller's transaction."""
    return MigrationReport(
        tuple(upgrade_connection(connection, schema, location) for schema, location in LOCATIONS.items())
    )


def upgrade_plugin_connection(
    connection: Connection,
    plugin_id: str,
    script_location: str,
    target: str = "head",
    upgrade: Callable[[Connection, str, str, str], MigrationStep] | None = None,
) -> MigrationStep:
    """Do what `migrate_plugin` does, in the caller's transaction and with no rights but the plugin's own.

    ``upgrade`` takes the place of `upgrade_connection`: it runs with the plugin's rights.
    """
    schema = plugin_schema(plugin_id)
    _require_transaction(connection, schema)
    plugin_roles.admit(connection, plugin_id)
    _create_version_table(connection, schema)
    plugin_roles.share(connection, plugin_id)
    with as_plugin_owner(connection, plugin_id):
        step = (upgrade or upgrade_connection)(connection, schema, script_location, target)
    plugin_roles.share(connection, plugin_id)
    return step


def upgrade_connection(
    connection: Connection, schema: str, script_location: str | Path, target: str = "head"
) -> MigrationStep:
    """Run the revisions in a folder that a schema does not have yet, in the caller's transaction.

    On PostgreSQL the schema is created if it is missing. The revisions that have run are kept in the schema's own
    table `alembic_version`.
    """
    _require_transaction(connection, schema)
    _create_schema(connection, schema)
    before = current_revision(connection, schema)
    try:
        scripts = script_directory(script_location)
        wanted = _revision(scripts, target)
        _run_revisions(connection, schema, scripts, target)
    except CommandError as error:
        raise MigrationFailed(
            f"migrating {schema} from {before or 'nothing'} to {target} with {script_location}: {error}."
            " If the database was written by a newer version, use that version or restore the backup from before it",
            schema=schema,
            before=before,
        ) from error
    after = current_revision(connection, schema)
    if after != wanted:
        raise MigrationFailed(
            f"{schema} is at {after} and cannot go to {target}: migrations go only forward; restore a backup",
            schema=schema,
            before=before,
        )
    return MigrationStep(schema, before, after)


def current_revision(connection: Connection, schema: str) -> str | None:
    """Tell the revision a schema is at; None is "not there yet"."""
    options = {"version_table": _VERSION_TABLE, "version_table_schema": schema}
    heads = MigrationContext.configure(connection, opts=options).get_current_heads()
    if len(heads) > 1:
        raise MigrationFailed(
            f"{schema} is at several revisions at once, {', '.join(heads)}: merge them in one revision"
        )
    return heads[0] if heads else None


def script_directory(location: str | Path) -> ScriptDirectory:
    """Open a folder of revisions; the revisions are in its folder `versions`."""
    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def in_transaction(url: str, function: Callable[[Connection], T], *, read_only: bool = False) -> T:
    """Run a function in one transaction on a database, while no other migration runs on it.

    A `read_only` function waits for nobody and keeps nobody waiting.
    """
    problem = urls.problem_of(url)
    if problem is not None:
        raise MigrationFailed(problem)
    if url.startswith(_SQLITE):
        engine = sqlite_engine(url.removeprefix(_SQLITE), read_only=read_only)
        try:
            with engine.begin() as connection:
                return function(connection)
        finally:
            engine.dispose()
    return _run_to_end(_in_postgresql_transaction(url, function, read_only=read_only))


def _run_to_end(work: Coroutine[Any, Any, T]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise MigrationFailed("this thread runs an event loop, which a migration would block: use asyncio.to_thread")


async def _in_postgresql_transaction(url: str, function: Callable[[Connection], T], *, read_only: bool) -> T:
    """Try the whole transaction again where it waited in vain for somebody else's lock."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return await _once(url, function, read_only=read_only)
        except Exception as error:
            if sqlstate(error) not in _PASSING:
                raise
        # Not all at the same moment: whoever waited for the same lock comes back, too.
        await asyncio.sleep(random.uniform(0, _PAUSE * attempt))  # noqa: S311 - nobody needs to be kept from guessing it
    try:
        return await _once(url, function, read_only=read_only)
    except Exception as error:
        if sqlstate(error) not in _PASSING:
            raise
        raise MigrationFailed(
            f"another transaction keeps what this one needs locked: {driver_text(error)}. Nothing was changed in"
            f" {_ATTEMPTS} attempts; end the transaction that pg_stat_activity shows as the oldest, then try again"
        ) from error


async def _once(url: str, function: Callable[[Connection], T], *, read_only: bool) -> T:
    import asyncpg  # noqa: PLC0415 - only the database in use is imported
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - as above

    import crm_core.db.postgres_ddl  # noqa: F401, PLC0415 - makes the dialect known

    # The driver reads the URL itself, so that it means here what it means to the server.
    engine = create_async_engine(
        "postgresql+text_json://",
        async_creator=lambda: asyncpg.connect(url),
        poolclass=sa.NullPool,
    )
    try:
        async with engine.begin() as connection:
            if read_only:
                await connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            await connection.run_sync(_take_role, read_only)
            if not read_only:
                await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                # Whoever held the lock may just have given everything to roles.
                await connection.run_sync(_take_role, read_only)
            return await connection.run_sync(function)
    finally:
        await engine.dispose()


def _take_role(connection: Connection, read_only: bool) -> None:  # noqa: FBT001 - passed on by run_sync
    """Act as the owner of core and platform; a login that may not can still read as the server does."""
    there = roles.in_use(connection)
    if there is None:
        return
    role = there.owner
    if not roles.may_become(connection, role):
        if not read_only:
            message = (
                f"this login may not act as {role}, which owns the tables; use the login crm init was run with,"
                f" or let a superuser say: GRANT {role}, {there.app} TO the login"
            )
            raise roles.RoleError(message, role=role)
        role = there.app
    connection.exec_driver_sql(f"SET LOCAL ROLE {roles.quoted(role)}")


def _require_transaction(connection: Connection, schema: str) -> None:
    if not connection.in_transaction():
        raise MigrationFailed(f"migrating {schema}: begin a transaction first, so that a failure leaves nothing behind")


def _create_schema(connection: Connection, schema: str) -> None:
    # Asked first: IF NOT EXISTS demands the right to create even where there is nothing to create.
    if connection.dialect.name == "postgresql" and not sa.inspect(connection).has_schema(schema):
        connection.execute(sa.schema.CreateSchema(schema))


def _create_version_table(connection: Connection, schema: str) -> None:
    """Make the table of a plugin's revisions as the core's own, which reads it: what a plugin owns can be a trap."""
    there = roles.in_use(connection)
    if there is not None:
        options = {"version_table": _VERSION_TABLE, "version_table_schema": schema}
        with acting_as(connection, there.owner):
            MigrationContext.configure(connection, opts=options)._ensure_version_table()  # noqa: SLF001 - as Alembic does


def _revision(scripts: ScriptDirectory, target: str) -> str | None:
    # Alembic's "base", the state before any revision, has no script.
    return getattr(scripts.get_revision(target), "revision", None)


def _run_revisions(connection: Connection, schema: str, scripts: ScriptDirectory, target: str) -> None:

    def missing(revision: tuple[str, ...], _context: MigrationContext) -> Iterable[RevisionStep]:
        return scripts._upgrade_revs(target, revision)  # type: ignore[arg-type]  # noqa: SLF001 - as alembic.command does

    with EnvironmentContext(Config(), scripts, fn=missing, destination_rev=target) as environment:
        environment.configure(
            connection=connection,
            version_table=_VERSION_TABLE,
            version_table_schema=schema,
            transactional_ddl=True,
        )
        environment.get_context().autocommit_block = _no_autocommit  # type: ignore[method-assign]
        environment.run_migrations()


def _no_autocommit() -> NoReturn:
    raise MigrationFailed(
        "a revision uses autocommit_block(), but all revisions run in one transaction, so that a failure leaves nothing"
        " behind; do the same without it"
    )
