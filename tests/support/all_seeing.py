"""A look at a database past everything that the product has in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from crm_core.db.migrate import in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

T = TypeVar("T")


def all_seeing(url: str, function: Callable[[Connection], T], *, read_only: bool = True) -> T:
    """Run a function with every right there is; on PostgreSQL the URL is a superuser's."""

    def run(connection: Connection) -> T:
        if connection.dialect.name == "postgresql":
            # Migrations take the role that the core's tables belong to, which is kept from those of plugins.
            connection.exec_driver_sql("RESET ROLE")
        return function(connection)

    return in_transaction(url, run, read_only=read_only)
