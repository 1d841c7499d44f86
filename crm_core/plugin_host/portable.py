"""Values of a plugin's columns in one written form, whatever database they come from or go to.

Ids are 32 hexadecimal digits, decimals their shortest text, moments UTC with a ``Z``, JSON compact text with
sorted keys, bytes hexadecimal. None is always the SQL NULL.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crm_core.plugin_host.fields import column_type

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {
    "UUID": "uuid",
    "CHAR(32)": "uuid",
    "NUMERIC": "decimal",
    "DECIMAL": "decimal",
    "BOOLEAN": "boolean",
    "DATETIME": "datetime",
    "TIMESTAMP": "datetime",
    "JSON": "json",
    "BYTEA": "bytes",
    "BLOB": "bytes",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "SMALLINT": "integer",
    "DOUBLE": "float",
    "FLOAT": "float",
    "REAL": "float",
}
_OF_FIELDS = {"text": "text", "choice": "text", "money": "decimal"}


@dataclass(frozen=True, slots=True)
class Portable:
    """One column: what it holds, and how this database keeps it.

    ``scale`` is set for decimals that SQLite keeps as whole numbers, ``exact`` where the host made the column.
    """

    kind: str
    sqlite: bool
    scale: int | None = None
    exact: bool = False

    def write(self, value: Any) -> Any:
        """Return a value of the database in its portable form."""
        if value is None:
            return None
        return getattr(self, f"_write_{self.kind}", str)(value)

    def read(self, value: Any) -> Any:
        """Return a portable value as the database takes it: as text on PostgreSQL, as itself on SQLite."""
        if value is None:
            return None
        if self.sqlite:
            return getattr(self, f"_to_sqlite_{self.kind}", lambda same: same)(value)
        return "\\x" + value if self.kind == "bytes" else json.dumps(value) if self.kind == "boolean" else str(value)

    def _write_uuid(self, value: str) -> str:
        return value.replace("-", "")

    def _write_decimal(self, value: Any) -> str:
        number = Decimal(str(value))
        if self.scale is not None:
            number = number.scaleb(-self.scale)
        text = format(number, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text

    def _write_boolean(self, value: Any) -> bool:
        return value in (1, "1", "true", "t")

    def _write_integer(self, value: Any) -> int:
        return int(value)

    def _write_float(self, value: Any) -> float:
        return float(value)

    def _write_datetime(self, value: str) -> str:
        moment = dt.datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def _write_json(self, value: str) -> str:
        return json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def _write_bytes(self, value: Any) -> str:
        return value.removeprefix("\\x") if isinstance(value, str) else bytes(value).hex()

    def _to_sqlite_decimal(self, value: str) -> Any:
        if self.scale is not None:
            return int(Decimal(value).scaleb(self.scale))
        number = float(value)
        if Decimal(repr(number)) != Decimal(value):
            message = f"SQLite cannot keep {value} exactly in a numeric column"
            raise ValueError(message)
        return number

    def _to_sqlite_boolean(self, value: bool) -> int:  # noqa: FBT001 - the value itself
        return int(value)

    def _to_sqlite_datetime(self, value: str) -> str:
        return value if self.exact else value.removesuffix("Z").replace("T", " ")

    def _to_sqlite_bytes(self, value: str) -> bytes:
        return bytes.fromhex(value)


def of_columns(types: Mapping[str, str], fields: Mapping[str, str], *, sqlite: bool) -> dict[str, Portable]:
    """Return the portable columns of a table from their database types; ``fields`` are the kinds of plugin fields."""
    return {
        name: _of_field(fields[name], sqlite=sqlite) if name in fields else Portable(_kind(database_type), sqlite)
        for name, database_type in types.items()
    }


def _kind(database_type: str) -> str:
    upper = database_type.upper()
    return _KINDS.get(upper) or next((kind for prefix, kind in _KINDS.items() if upper.startswith(prefix)), "text")


def _of_field(kind: str, *, sqlite: bool) -> Portable:
    # The column itself knows its scale; SQLite keeps it as a whole number of last places.
    scale = getattr(column_type(kind), "scale", None) if sqlite else None
    return Portable(_OF_FIELDS.get(kind, kind), sqlite, scale, exact=True)
