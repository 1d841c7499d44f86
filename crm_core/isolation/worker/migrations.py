"""Run a plugin's revisions here, in its worker; what they say to the database is said, and judged, by the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

import crm_core.isolation.worker.dialects  # noqa: F401 - makes the dialects known
from crm_core.db.migrate import upgrade_connection
from crm_core.isolation.worker.driver import Connection

if TYPE_CHECKING:
    from crm_core.isolation.worker.driver import Execute

__all__ = ["run"]

# As the host's drivers take them.
_PARAMETERS = {"postgresql": "numeric_dollar", "sqlite": "qmark"}


def run(location: str, schema: str, dialect: str, execute: Execute) -> str | None:
    """Run the revisions in a folder that a schema does not have yet; return the one it is at then.

    ``execute`` sends a statement and its values to the host and returns a mapping: ``columns`` (name and type's number
    of each), ``rows`` and ``count`` (of changed rows). ``dialect`` is "postgresql" or "sqlite".
    """
    driver = Connection(execute)
    engine = sa.create_engine(
        f"{dialect}+remote://", creator=lambda: driver, poolclass=sa.StaticPool, paramstyle=_PARAMETERS[dialect]
    )
    with engine.connect() as connection:
        connection.begin()
        driver.running = True
        try:
            step = upgrade_connection(connection, schema, location)
        finally:
            driver.running = False
            if driver.refused is not None:
                raise driver.refused
    return step.after
