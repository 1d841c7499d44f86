"""How a revision runs the SQL frozen beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from alembic import op

from crm_core.errors import CrmError

__all__ = ["DowngradeRefused", "refuse_downgrade", "run_script"]

_END_OF_STATEMENT = re.compile(r";[ \t]*$", re.MULTILINE)


class DowngradeRefused(CrmError):
    """Somebody asked for an older schema."""

    code = "downgrade_refused"
    status = 409


def run_script(revision_file: str) -> None:
    """Run the script of this database that lies beside a revision, statement by statement.

    A statement ends with a semicolon at the end of a line. Released revisions call this function, so it keeps working
    the way they expect.
    """
    connection = op.get_bind()
    script = Path(revision_file).with_suffix(f".{connection.dialect.name}.sql")
    for statement in _END_OF_STATEMENT.split(script.read_text(encoding="utf-8")):
        if statement.strip():
            connection.exec_driver_sql(statement.strip())


def refuse_downgrade(revision: str) -> NoReturn:
    """Raise: going back would lose what was written since."""
    raise DowngradeRefused(
        f"revision {revision} cannot be undone: restore the backup taken before the upgrade",
        revision=revision,
    )
