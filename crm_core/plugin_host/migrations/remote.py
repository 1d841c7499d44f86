"""Statements of a migration that runs in a plugin's worker, sent to the database here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crm_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    Serve = Callable[[object, Any], dict[str, Any]]

__all__ = ["serve"]

_MOST_ROWS = 10_000


def serve(connection: Connection, label: str) -> Serve:
    """Return the function that runs one statement of a worker and returns what its driver would have told.

    To be used inside ``only_allowed``: that is where the text is judged. The answer is made of plain values: the
    columns with their types' numbers, the rows, and how many rows were changed.
    """

    def execute(text: object, values: Any) -> dict[str, Any]:
        if not isinstance(text, str):
            message = f"{label}: its worker sent something else than a statement; the migration was given up"
            raise PluginError(message, plugin=label)
        result = connection.exec_driver_sql(text, _values(values))
        if not result.returns_rows:
            return {"columns": [], "rows": [], "count": result.rowcount}
        columns = [[column[0], column[1]] for column in result.cursor.description]
        rows = result.fetchmany(_MOST_ROWS + 1)
        if len(rows) > _MOST_ROWS:
            message = f"{label}: its migration reads more than {_MOST_ROWS} rows at once; read them in parts"
            raise PluginError(message, plugin=label)
        return {"columns": columns, "rows": [list(map(_plain, row)) for row in rows], "count": len(rows)}

    return execute


def _values(values: Sequence[Any] | Mapping[str, Any] | None) -> Any:
    if isinstance(values, Mapping):
        return {str(name): value for name, value in values.items()}
    return tuple(values) if values else None


def _plain(value: Any) -> Any:
    """Return a value without what is special to the driver."""
    if isinstance(value, UUID) and type(value) is not UUID:
        return UUID(int=value.int)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
